"""`trifft-gorgias merchant verify`: whether the points that are read and given are those of TRIFFT Admin."""

import sys
from decimal import Decimal
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.arguments import Json, MerchantId
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import TIMEOUT_S, get_login, open_loyalty
from gateway.cli.member import NOBODY, WHO_OPTIONS, Who, expecting_one
from gateway.cli.output import print_json, print_line, print_table
from gateway.cli.proof import (
    find_factor,
    list_cells,
    parse_balance,
    read_balance,
    render_line,
    render_proof,
    say_proof,
    say_read,
    say_unread,
)
from gateway.cli.times import Zone, render_timestamp
from gateway.errors import LoyaltyCallError
from gateway.installation.advice import render_verify_command
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

ABOUT_VERIFY = """Show a real member line by line, and prove that points arrive as they are meant.

Compare what is printed with TRIFFT Admin. With --give 1, one point is given and taken back at once: until that was done
for the shop's profile and address, it gives no points. Exit code 1 if something differs.
"""
# Three reads, an award and its reversal.
_PROOF_TIMEOUT_S = 60.0
_MAX_GIVE = 100
_EXIT_DIFFERS = 1
_OPTIONS = {**WHO_OPTIONS, "shown_balance": "--points", "give": "--give", "verified_by": "your login"}
_COLUMNS = ("field", "what was read", "line of the profile")
_YES = frozenset({"y", "yes"})


async def verify(
    merchant_id: MerchantId,
    /,
    *,
    who: Who = NOBODY,
    points: Annotated[
        str | None,
        Parameter(help="The member's balance in TRIFFT Admin, for scripts: 1240.", allow_leading_hyphen=True),
    ] = None,
    give: Annotated[
        int | None, Parameter(help="Whole points to give and to take back: 1, or up to 100 if TRIFFT rounds balances.")
    ] = None,
    json: Json = False,
) -> int:
    identity, shown = who.read(), None if points is None else parse_balance(points)
    if give is not None and not 1 <= give <= _MAX_GIVE:
        raise UsageError(f"--give must be whole points from 1 to {_MAX_GIVE}")
    if shown is None and (json or not sys.stdin.isatty()):
        raise UsageError("nobody can be asked here: give --points N, the member's balance in TRIFFT Admin")
    async with open_loyalty(merchant_id, _OPTIONS) as loyalty:
        with expecting_one(merchant_id, identity):
            inspection = await loyalty.inspect_member(merchant_id, identity, timeout_s=TIMEOUT_S)
        if not json:
            _print_inspection(inspection)
        if shown is None:
            shown = _ask(inspection)
        is_read = read_balance(inspection.balance) == shown
        proof = await _prove(loyalty, merchant_id, inspection, shown, give) if is_read and give else None
        merchant = proof.merchant if proof else await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)
    sentences = _list_sentences(inspection, shown, proof, merchant)
    if json:
        print_json(_render(inspection, shown, proof, merchant) | {"message": " ".join(sentences)})
    else:
        for sentence in sentences:
            print_line(sentence)
    is_proven = proof is None or proof.outcome == pb.VERIFICATION_OUTCOME_VERIFIED
    return 0 if is_read and is_proven else _EXIT_DIFFERS


async def _prove(
    loyalty: LoyaltyClient, merchant_id: str, inspection: pb.InspectMemberResponse, shown: Decimal, give: int
) -> pb.VerifyMerchantResponse:
    """Raises LoyaltyCallError; CommandError where nobody can say what was given."""
    request = pb.VerifyMerchantRequest(
        merchant_id=merchant_id,
        member_id=inspection.member_id,
        shown_balance=f"{shown:f}",
        give=give,
        verified_by=get_login(),
    )
    try:
        return await loyalty.verify_merchant(request, timeout_s=_PROOF_TIMEOUT_S)
    except LoyaltyCallError as error:
        if error.is_answered or not error.is_sent:
            raise
        raise CommandError(
            f"{error.message} ({error.reason}): it may have given points, and may take them back still. "
            f"See the newest of: trifft-gorgias award list {merchant_id}"
        ) from error


def _print_inspection(inspection: pb.InspectMemberResponse) -> None:
    print_table(_COLUMNS, (list_cells(line) for line in inspection.lines))
    print_line(say_unread(inspection.unread_fields))


def _ask(inspection: pb.InspectMemberResponse) -> Decimal:
    """The balance that a person reads in TRIFFT Admin. Raises CommandError if the name there is another one."""
    named = next((line.text for line in inspection.lines if line.profile_line == "member.full_name"), "")
    if _read_answer(f"Does TRIFFT Admin call this member {named or 'nothing at all'}? [y/N] ").lower() not in _YES:
        raise CommandError("not confirmed: correct the profile's full_name, or name the right member")
    try:
        return parse_balance(_read_answer("How many points does TRIFFT Admin show? "))
    except UsageError as error:
        raise CommandError("not confirmed: no number of points was given") from error


def _read_answer(question: str) -> str:
    print_line(question)
    return sys.stdin.readline().strip()


def _list_sentences(
    inspection: pb.InspectMemberResponse,
    shown: Decimal,
    proof: pb.VerifyMerchantResponse | None,
    merchant: pb.Merchant,
) -> list[str]:
    said = [say_read(inspection, shown)]
    if proof is not None:
        said += say_proof(proof, inspection)
    said.append(_say_state(merchant))
    return said


def _say_state(merchant: pb.Merchant) -> str:
    if merchant.verification.state == pb.VERIFICATION_STATE_CURRENT:
        return f"{merchant.merchant_id} is verified: it gives points."
    command = render_verify_command(merchant.merchant_id)
    return f"{merchant.merchant_id} is not verified: it gives no points until this agrees: {command}"


def print_unverified(merchant: pb.Merchant) -> None:
    """Say why the shop gives no points. Prints nothing if it gives some, or if an older service does not tell."""
    if merchant.verification.state in {pb.VERIFICATION_STATE_NEVER, pb.VERIFICATION_STATE_OUTDATED}:
        print_line(_say_state(merchant))


def describe_verification(verification: pb.Verification) -> str:
    """In a list, for people."""
    words = {
        pb.VERIFICATION_STATE_CURRENT: "yes",
        pb.VERIFICATION_STATE_OUTDATED: "no: it has changed",
        pb.VERIFICATION_STATE_NEVER: "no",
    }
    return words.get(verification.state, "not known")


def render_verification(verification: pb.Verification, zone: Zone) -> dict[str, object]:
    """For scripts. `verified` is None if an older loyalty service does not tell."""
    is_known, is_dated = verification.state != pb.VERIFICATION_STATE_UNSPECIFIED, verification.HasField("verify_time")
    return {
        "verified": verification.state == pb.VERIFICATION_STATE_CURRENT if is_known else None,
        "verify_time": render_timestamp(verification.verify_time, zone) if is_dated else None,
        "verified_by": verification.verified_by or None,
    }


def _render(
    inspection: pb.InspectMemberResponse,
    shown: Decimal,
    proof: pb.VerifyMerchantResponse | None,
    merchant: pb.Merchant,
) -> dict[str, object]:
    balance = read_balance(inspection.balance)
    factor = None if balance is None else find_factor(balance, shown)
    return {
        "merchant_id": merchant.merchant_id,
        "member_id": inspection.member_id,
        "verified": merchant.verification.state == pb.VERIFICATION_STATE_CURRENT,
        "balance": inspection.balance or None,
        "shown_balance": f"{shown:f}",
        "read_agrees": balance == shown,
        "read_factor": f"{factor:f}" if factor else None,
        "lines": [render_line(line) for line in inspection.lines],
        "unread_fields": list(inspection.unread_fields),
        "proof": render_proof(proof) if proof else None,
    }
