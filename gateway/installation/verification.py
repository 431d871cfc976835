"""Whether a shop's points were proven: until then it gives none."""

from collections.abc import Callable
from datetime import UTC, datetime

from gateway.installation.advice import render_verify_command
from gateway.installation.checks import Check, CheckState
from protos.loyalty.v1 import loyalty_pb2 as pb

_NAME = "verified"
_EXEMPT = "the loopback"  # as loyalty.proto has it


def check_verified(merchant_id: str, merchant: pb.Merchant | None, render_time: Callable[[datetime], str]) -> Check:
    """`merchant`: None if it could not be asked for."""
    if merchant is None:
        return Check(name=_NAME, state=CheckState.UNKNOWN, detail="the shop could not be asked for")
    verification, advice = merchant.verification, render_verify_command(merchant_id)
    when = render_time(verification.verify_time.ToDatetime(UTC))
    match verification.state:
        case pb.VERIFICATION_STATE_CURRENT:
            is_exempt = verification.verified_by == _EXEMPT
            detail = "not needed: TRIFFT is on this machine" if is_exempt else f"{when}, by {verification.verified_by}"
            return Check(name=_NAME, state=CheckState.OK, detail=detail)
        case pb.VERIFICATION_STATE_OUTDATED:
            detail = f"no: profile, address or token have changed since {when}, so no points can be given"
            return Check(name=_NAME, state=CheckState.FAILED, detail=detail, advice=advice)
        case pb.VERIFICATION_STATE_NEVER:
            detail = "never, so no points can be given"
            return Check(name=_NAME, state=CheckState.FAILED, detail=detail, advice=advice)
        case _:
            return Check(name=_NAME, state=CheckState.UNKNOWN, detail="an older loyalty service does not tell")
