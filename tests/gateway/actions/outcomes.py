"""Awards and undos as the loyalty service answers them."""

from datetime import UTC, datetime
from typing import Any

from protos.loyalty.v1 import loyalty_pb2 as pb

NAME = "Jana Nováková"


def make_award(state: pb.AwardState.ValueType, **fields: Any) -> pb.Award:  # noqa: ANN401 - any field
    """Award A-10482: Ana gave 100 points at 13:02 in Bratislava, on the day of the tests."""
    known: dict[str, Any] = {"award_id": "A-10482", "points": 100, "claimed_agent_name": "Ana"}
    award = pb.Award(**(known | fields), state=state)
    award.create_time.FromDatetime(datetime(2026, 11, 23, 12, 2, tzinfo=UTC))
    return award


def make_response(state: pb.AwardState.ValueType, *, replayed: bool = False, **fields: Any) -> pb.AwardPointsResponse:  # noqa: ANN401 - any field
    return pb.AwardPointsResponse(award=make_award(state, **fields), replayed=replayed, member_name=NAME)


def make_reversal(
    state: pb.AwardState.ValueType,
    *,
    replayed: bool = False,
    member_name: str = NAME,
    **fields: Any,  # noqa: ANN401 - any field
) -> pb.ReverseAwardResponse:
    """Reversal A-10483: Ben takes A-10482 back at the same time."""
    known: dict[str, Any] = {"award_id": "A-10483", "reverses": "A-10482", "claimed_agent_name": "Ben", "debit": True}
    award = make_award(state, **(known | fields))
    return pb.ReverseAwardResponse(award=award, replayed=replayed, member_name=member_name)


def make_deduction(state: pb.AwardState.ValueType, **fields: Any) -> pb.AwardPointsResponse:  # noqa: ANN401 - any field
    """Deduction A-12: Ana removed 50 of Jana's points."""
    known: dict[str, Any] = {"award_id": "A-12", "points": 50, "reason": "Correction", "debit": True}
    return make_response(state, **(known | fields))


APPLIED = make_response(pb.AWARD_STATE_APPLIED, balance=pb.Wallet(points_balance=1340, points_balance_exact="1340"))
UNDONE = make_reversal(pb.AWARD_STATE_APPLIED, balance=pb.Wallet(points_balance=1240, points_balance_exact="1240"))
