"""The answer to a press, before it becomes JSON."""

import msgspec

from gateway.errors import GatewayError
from protos.loyalty.v1 import loyalty_pb2 as pb


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: applied, replayed, checking, refused. `award_id` may be empty."""

    status: str
    message: str
    award_id: str = ""


def make_reply(response: pb.AwardPointsResponse | pb.ReverseAwardResponse, message: str) -> Reply:
    """Make the reply for an award, a deduction or an undo that is booked or being checked."""
    award = response.award
    booked = "replayed" if response.replayed else "applied"
    status = booked if award.state == pb.AWARD_STATE_APPLIED else "checking"
    return Reply(status=status, message=message, award_id=award.award_id)


def make_refused_reply(error: GatewayError, message: str) -> Reply:
    return Reply(status="refused", message=message, award_id=error.award_id)
