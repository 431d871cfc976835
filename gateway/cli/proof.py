"""A member line by line and a proof of a shop's points, in an operator's words, and as JSON."""

import re
from collections.abc import Sequence
from decimal import Decimal

from gateway.cli.errors import UsageError
from gateway.cli.output import render_enum
from gateway.errors import name_reason
from gateway.wording.numbers import format_points
from gateway.wording.panel import labels
from gateway.wording.panel.member import MEMBER_FIELDS
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import enclose

_BALANCE = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
# Powers of ten by which a point scale may be wrong.
_FACTORS = tuple(Decimal(10) ** power for power in (-4, -3, -2, -1, 1, 2, 3, 4))
_PANEL = {field.key: field.label for field in MEMBER_FIELDS}
_LABELS = {
    **{f"member.{key}": label for key, label in _PANEL.items()},
    "member.join_time": _PANEL["member_since"],
    "wallet.points": _PANEL["points"],
    "member.email": "E-mail",
    "member.phone": "Phone",
    "member.status": "Status",
    "member.member_id": "TRIFFT's id",
    "member.next_expiry": "Points that expire next",
    "member.pending_points": "Pending points",
    "member.points_to_next_tier": "Points to the next tier",
    "member.birthday": "Birthday",
    "member.recent_movements": labels.MOVEMENTS,
    "list_coupons.items": labels.COUPONS,
    "coupon.display_name": "Coupon names",
    "coupon.redeem_value": "Coupon values",
    "coupon.expire_time": "Coupon ends",
}

_OUTCOMES = {
    pb.VERIFICATION_OUTCOME_VERIFIED: "{points} given and taken back: the balance followed each time.",
    pb.VERIFICATION_OUTCOME_READ_DIFFERS: "Nothing was given: the balance is {before} by now. Try again.",
    pb.VERIFICATION_OUTCOME_NOT_GIVEN: (
        "Nothing was given: TRIFFT did not take award {number} ({reason}). Correct that, then try again."
    ),
    pb.VERIFICATION_OUTCOME_GIVEN_UNKNOWN: (
        "Not proven: nobody knows yet whether TRIFFT booked award {number}, and it was not taken back. It is being "
        "looked for: trifft-gorgias award show {shop} {number}. If it turns out to be applied, take {points} away in "
        "TRIFFT Admin. Then try again."
    ),
    pb.VERIFICATION_OUTCOME_GIVEN_LATER: (
        "Not proven: TRIFFT books award {number} later, so the balance does not show it yet."
    ),
    pb.VERIFICATION_OUTCOME_NOT_TAKEN_BACK: "Not proven: {points} arrived as meant, and could not be taken back.",
    pb.VERIFICATION_OUTCOME_DEBIT_DIFFERS: (
        "Not proven: {points} arrived as meant, but taken back they leave a balance of {after}, which was {before} "
        "before. Is [debit] point_scale another than that of [credit]? Correct the balance in TRIFFT Admin."
    ),
    pb.VERIFICATION_OUTCOME_MERCHANT_CHANGED: (
        "Not proven: all agreed, and meanwhile the shop's profile, address or token was changed. Try again."
    ),
}


def parse_balance(text: str) -> Decimal:
    """Parse a balance as a person copies it ("1,240.5"), without its commas and spaces. Raises UsageError."""
    plain = re.sub(r"[\s,\u00a0\u202f']", "", text)
    if not _BALANCE.fullmatch(plain):
        raise UsageError(f"--points must be a number as TRIFFT Admin shows it, 1240 or 99.75: not {text[:40]!r}")
    return Decimal(plain)


def read_balance(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def find_factor(found: Decimal, meant: Decimal) -> Decimal | None:
    """Find the power of ten between the two, such as 100 or 0.01. None: they differ otherwise, or not at all."""
    return next((factor for factor in _FACTORS if meant and found == meant * factor), None)


def list_cells(line: pb.ProfileLine) -> tuple[str, ...]:
    read = "CANNOT BE READ" if line.is_unreadable else line.text or "(nothing)"
    return (_label(line), read, f"{line.profile_line} = {line.expression}")


def render_line(line: pb.ProfileLine) -> dict[str, object]:
    return {
        "label": _label(line),
        "profile_line": line.profile_line,
        "expression": line.expression,
        "text": line.text or None,
        "is_unreadable": line.is_unreadable,
    }


def say_unread(names: Sequence[str]) -> str:
    if not names:
        return "Every field of TRIFFT's answers is read by a line."
    return f"Read by no line: {', '.join(map(enclose, names))}"


def say_read(inspection: pb.InspectMemberResponse, shown: Decimal) -> str:
    """Whether the balance is TRIFFT Admin's."""
    balance = read_balance(inspection.balance)
    if balance is None:
        return f"TRIFFT Admin shows {shown:f} points, and no balance could be read: correct the line of the points."
    if balance == shown:
        return f"The balance is read as TRIFFT Admin shows it: {shown:f}."
    differs = f"TRIFFT Admin shows {shown:f} points, and {balance:f} is read"
    factor = find_factor(balance, shown)
    if factor is None:
        return f"{differs}: is it the same member, and does the line of the points name the right field?"
    return f"{differs}, {_say_factor(factor)}: {_ask_scale(inspection, 'member.points_scale', factor)}"


def say_proof(proof: pb.VerifyMerchantResponse, inspection: pb.InspectMemberResponse) -> list[str]:
    """Say whether the points were given and taken back as meant."""
    said = [_say_outcome(proof, inspection)]
    if proof.HasField("award") and proof.award.state == pb.AWARD_STATE_APPLIED:
        said.append(_say_taken_back(proof))
    return said


def render_proof(proof: pb.VerifyMerchantResponse) -> dict[str, object]:
    given, before = read_balance(proof.balance_given), read_balance(proof.balance_before)
    risen = None if given is None or before is None else given - before
    factor = find_factor(risen, Decimal(proof.award.points)) if risen is not None else None
    return {
        "outcome": render_enum(pb.VerificationOutcome, proof.outcome, "VERIFICATION_OUTCOME_"),
        "balance_before": proof.balance_before or None,
        "balance_given": proof.balance_given or None,
        "balance_after": proof.balance_after or None,
        "given_factor": f"{factor:f}" if factor else None,
        "award_id": proof.award.award_id or None,
        "award_state": _render_state(proof.award) if proof.HasField("award") else None,
        "reversal_id": proof.reversal.award_id or None,
        "reversal_state": _render_state(proof.reversal) if proof.HasField("reversal") else None,
    }


def _say_outcome(proof: pb.VerifyMerchantResponse, inspection: pb.InspectMemberResponse) -> str:
    match proof.outcome:
        case pb.VERIFICATION_OUTCOME_CREDIT_DIFFERS:
            return _say_credit(proof, inspection)
        case pb.VERIFICATION_OUTCOME_ANSWER_DIFFERS:
            return _say_answer(proof, inspection)
    sentence = _OUTCOMES.get(
        proof.outcome, "Not proven: TRIFFT did not say the balance after award {number}. Try again."
    )
    return sentence.format(
        number=proof.award.award_id,
        points=_count(proof),
        before=proof.balance_before or "not readable",
        after=proof.balance_after,
        reason=name_reason(proof.award.rejection_reason),
        shop=proof.merchant.merchant_id,
    )


def _say_credit(proof: pb.VerifyMerchantResponse, inspection: pb.InspectMemberResponse) -> str:
    points, risen = proof.award.points, Decimal(proof.balance_given) - Decimal(proof.balance_before)
    said = f"{_count(proof)} given (award {proof.award.award_id}), and the balance went from {proof.balance_before} to"
    if risen == 0:
        return f"{said} {proof.balance_given}: another wallet may have it, or a later hour. Look in TRIFFT Admin."
    factor = find_factor(risen, Decimal(points))
    if factor is None:
        return f"{said} {proof.balance_given}: something else may have changed it just then. Try again."
    question = _ask_scale(inspection, "credit.point_scale", 1 / factor)
    return f"{said} {proof.balance_given}, {_say_factor(factor)}: {question}"


def _say_answer(proof: pb.VerifyMerchantResponse, inspection: pb.InspectMemberResponse) -> str:
    answered, given = Decimal(proof.award.balance.points_balance_exact), Decimal(proof.balance_given)
    said = f"{_count(proof)} arrived as meant, and TRIFFT's answer to it names a balance of {answered:f}"
    factor = find_factor(answered, given)
    if factor is None:
        return f"{said}, where {given:f} is read: does [credit] answered_balance name the right field?"
    question = _ask_scale(inspection, "credit.answered_balance_scale", factor)
    return f"{said}, {_say_factor(factor)}: {question}"


def _say_taken_back(proof: pb.VerifyMerchantResponse) -> str:
    number, reversal = proof.award.award_id, proof.reversal
    if proof.HasField("reversal") and reversal.state == pb.AWARD_STATE_APPLIED:
        return f"Award {number} was taken back by {reversal.award_id}."
    if proof.HasField("reversal"):
        why = f"{reversal.award_id} is {_render_state(reversal)}"
    else:
        why = name_reason(proof.reversal_refusal)
    return (
        f"TAKING BACK FAILED ({why}): award {number} may still be in the balance. Look in TRIFFT Admin, and take "
        f"{_count(proof)} away there if need be."
    )


def _say_factor(factor: Decimal) -> str:
    """Say the factor: "100 times as much", or "1/100 of it"."""
    return f"{factor:f} times as much" if factor > 1 else f"1/{1 / factor:f} of it"


def _ask_scale(inspection: pb.InspectMemberResponse, line: str, factor: Decimal) -> str:
    """`factor`: what the set scale must be multiplied by."""
    section, name = line.split(".")
    scale = (inspection.scales[line] * factor).normalize()
    if scale < 1 or scale != scale.to_integral_value():
        return f"is the point scale another one? [{section}] {name} is {inspection.scales[line]}"
    return f"is the point scale {scale:f}? Then write [{section}] {name} = {scale:f} into the profile"


def _render_state(award: pb.Award) -> str:
    return render_enum(pb.AwardState, award.state, "AWARD_STATE_")


def _label(line: pb.ProfileLine) -> str:
    return _LABELS.get(line.profile_line, line.profile_line)


def _count(proof: pb.VerifyMerchantResponse) -> str:
    return format_points(proof.award.points, DEFAULT_SHOP)
