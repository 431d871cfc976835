"""Converts awards: requests, filters, sums, changes and erasures."""

from loyalty_service.api.convert.values import read_fields, read_time, spell, spell_fields, write_time
from loyalty_service.awards.parse import GivenAward, GivenReversal, parse_filter
from loyalty_service.domain.award import Award, AwardChange, AwardState, IdentifiedBy, make_award_id
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping, AwardSum
from loyalty_service.domain.erasure import Erasure
from loyalty_service.domain.errors import BadValueError
from protos.loyalty.v1 import loyalty_pb2 as pb

_STATES = {pb.AwardState.Value(spell(state)): state for state in AwardState}
_GROUPINGS = {pb.AwardGrouping.Value(spell(grouping)): grouping for grouping in AwardGrouping}
_IDENTIFIED_BY = {pb.IdentifiedBy.Value(spell(one)): one for one in IdentifiedBy}


def read_award(message: pb.AwardPointsRequest, caller: str) -> GivenAward:
    """Raises BadValueError."""
    fields = read_fields(message, GivenAward)
    is_told = message.HasField("member_fetch_time")
    fields["member_fetch_time"] = read_time("member_fetch_time", message.member_fetch_time) if is_told else None
    if message.identified_by not in _IDENTIFIED_BY:
        raise BadValueError("identified_by", f"must be {', '.join(map(pb.IdentifiedBy.Name, _IDENTIFIED_BY))}")
    return GivenAward(**fields | {"caller": caller, "identified_by": _IDENTIFIED_BY[message.identified_by]})


def read_reversal(message: pb.ReverseAwardRequest, caller: str) -> GivenReversal:
    return GivenReversal(**read_fields(message, GivenReversal) | {"caller": caller})


def read_state(field: str, message: pb.AwardState.ValueType) -> AwardState:
    """Raises BadValueError for a state that is not set, or not known here."""
    if message not in _STATES:
        raise BadValueError(field, "must be a state that an award can have")
    return _STATES[message]


def read_filter(message: pb.AwardFilter) -> AwardFilter:
    """Raises BadValueError."""
    fields = read_fields(message, AwardFilter)
    fields["from_time"] = read_time("filter.from_time", message.from_time) if message.HasField("from_time") else None
    is_bounded = message.HasField("before_time")
    fields["before_time"] = read_time("filter.before_time", message.before_time) if is_bounded else None
    fields["states"] = frozenset(read_state("filter.states", state) for state in message.states)
    return parse_filter(AwardFilter(**fields))


def read_grouping(message: pb.AwardGrouping.ValueType) -> AwardGrouping:
    """Raises BadValueError, also when none is set."""
    if message not in _GROUPINGS:
        raise BadValueError("group_by", f"must be {', '.join(pb.AwardGrouping.Name(one) for one in _GROUPINGS)}")
    return _GROUPINGS[message]


def write_award(award: Award) -> pb.Award:
    request = award.request
    fields = spell_fields(pb.Award, request, award.receipt, award) | {
        "award_id": award.award_id,
        "reverses": _write_number(request.reverses),
        "reversed_by": _write_number(award.reversed_by),
        "ticket_verified": request.is_ticket_verified,
        "debit": request.is_debit,
    }
    return pb.Award(**fields)


def write_change(change: AwardChange) -> pb.AwardChange:
    return pb.AwardChange(**spell(change))


def write_sum(one: AwardSum) -> pb.AwardSum:
    return pb.AwardSum(**spell(one))


def write_erasure(erasure: Erasure, dropped_count: int) -> pb.EraseMemberResponse:
    kept = [
        pb.KeptAward(
            award_id=make_award_id(one.number),
            reason=spell(one.why),
            until_time=write_time(one.until) if one.until else None,
        )
        for one in erasure.kept
    ]
    return pb.EraseMemberResponse(
        dropped_count=dropped_count,
        erased_award_count=erasure.award_count,
        pseudonym=erasure.pseudonym,
        kept_awards=kept,
    )


def _write_number(number: int | None) -> str:
    return "" if number is None else make_award_id(number)
