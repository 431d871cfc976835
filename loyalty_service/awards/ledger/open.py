"""Opens an award or a reversal as PENDING, or finds it on record, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, insert, union_all, update

from loyalty_service.awards.ledger.audit import log_change
from loyalty_service.awards.ledger.idempotency import load_part, load_record, name_part, remember_answer, select_record
from loyalty_service.awards.ledger.rows import IS_NAMED, REVERSED_BY, AwardRows, is_one_of, load_time, name_award
from loyalty_service.awards.ledger.settle import Settlement, spell_settlement
from loyalty_service.awards.ledger.tables import award_numbers, awards
from loyalty_service.awards.ledger.usage import sum_used
from loyalty_service.domain.award import COUNTED, UNSETTLED, Award, AwardRequest, AwardState, make_award_id
from loyalty_service.domain.errors import AwardInDoubtError, AwardNotFoundError, AwardStateError, ReversalTooLateError
from loyalty_service.domain.limits import Limits, check_used
from runtime.sql import INSERTS, now_ms

_INSERT = insert(awards)
_UPDATE = update(awards).where(IS_NAMED)
_TAKE_NUMBER = {
    name: insert_into(award_numbers)
    .values(last_number=1)
    .on_conflict_do_update(index_elements=["merchant_id"], set_={"last_number": award_numbers.c.last_number + 1})
    .returning(award_numbers.c.last_number, now_ms().label("time_ms"))
    for name, insert_into in INSERTS.items()
}
_GIVE_BACK = (
    update(award_numbers)
    .where(award_numbers.c.merchant_id == bindparam("own_merchant_id"))
    .values(last_number=award_numbers.c.last_number - 1)
)


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """An award on record. `is_ours`: only the caller sends this attempt."""

    award: Award
    is_ours: bool


class Opener:
    """All times are milliseconds. Ledger describes what is opened and what is refused."""

    def __init__(self, rows: AwardRows, *, lease_ms: int, repeat_window_ms: int) -> None:
        self._rows = rows
        self._lease_ms = lease_ms
        self._repeat_window_ms = repeat_window_ms
        self._query = union_all(*select_record(rows), _select_repeats(rows), _select_unsettled(rows))

    def open(self, connection: Connection, request: AwardRequest, limits: Limits, zone: ZoneInfo) -> Opening:
        number, time_ms = _take_number(connection, request.merchant_id)
        found = connection.execute(self._query, self._name(request, time_ms)).all()
        record = load_record(found)
        replay = record.find_replay(request.content)
        if replay is not None:
            _give_back(connection, request.merchant_id)
            return Opening(award=replay, is_ours=False)
        there = self._find_there(connection, request, time_ms, found)
        if there is not None:
            _give_back(connection, request.merchant_id)
            remember_answer(connection, request, there)
            return Opening(award=there, is_ours=False)
        _check_none_unsettled(found)
        day = datetime.fromtimestamp(time_ms / 1000, zone).date().isoformat()
        check_used(request.points, limits, sum_used(connection, request, limits, day))
        times = self._spell_times(time_ms) | {"day": day}
        rejected = record.find_rejected(request.content)
        if rejected is None:
            award = _add(connection, _make_award(request, number, load_time(time_ms)), times)
        else:
            _give_back(connection, request.merchant_id)
            award = _try_again(connection, request, rejected, times)
        return Opening(award=award, is_ours=True)

    def _name(self, request: AwardRequest, time_ms: int) -> dict[str, Any]:
        """The parameters of the query."""
        names = ("merchant_id", "request_id", "member_id", "ticket_id", "points", "is_debit")
        return {f"own_{name}": getattr(request, name) for name in names} | {
            "repeat_time_ms": time_ms - self._repeat_window_ms
        }

    def _find_there(
        self, connection: Connection, request: AwardRequest, time_ms: int, found: Sequence[Row[Any]]
    ) -> Award | None:
        """Find the award under another `request_id` that answers this request."""
        if request.reverses is not None:
            return self._find_reversal(connection, request, time_ms)
        return next(iter(load_part(found, "repeat")), None)

    def _find_reversal(self, connection: Connection, request: AwardRequest, time_ms: int) -> Award | None:
        """The reversal on record; None if one may be opened."""
        original = self._rows.find(connection, request.merchant_id, request.reverses or 0)
        if original is None:
            raise AwardNotFoundError
        if original.request.reverses is not None:
            raise AwardStateError(original.award_id, "reversal")
        if original.state is not AwardState.APPLIED:
            raise AwardStateError(original.award_id, original.state.value)
        if original.reversed_by is not None:
            return self._rows.find(connection, request.merchant_id, original.reversed_by)
        expire_time = original.update_time + self._rows.reversal_window
        if load_time(time_ms) >= expire_time:
            raise ReversalTooLateError(original.award_id, expire_time)
        return None

    def _spell_times(self, time_ms: int) -> dict[str, Any]:
        """The times that an attempt sets."""
        return {
            "attempt_time_ms": time_ms,
            "lease_expire_time_ms": time_ms + self._lease_ms,
            "update_time_ms": time_ms,
            "next_check_time_ms": None,
        }


def _select_repeats(rows: AwardRows) -> Select[Any]:
    """Awards with the same points, direction, member and ticket within the repeat window."""
    return name_part(rows.select, "repeat").where(
        awards.c.merchant_id == bindparam("own_merchant_id"),
        awards.c.ticket_id == bindparam("own_ticket_id"),
        awards.c.ticket_id != "",
        awards.c.member_id == bindparam("own_member_id"),
        awards.c.attempt_time_ms >= bindparam("repeat_time_ms"),
        awards.c.points == bindparam("own_points"),
        awards.c.is_debit == bindparam("own_is_debit"),
        awards.c.reverses.is_(None),
        is_one_of(awards, COUNTED),
        REVERSED_BY.is_(None),
    )


def _select_unsettled(rows: AwardRows) -> Select[Any]:
    """The member's award that is PENDING or UNKNOWN."""
    return name_part(rows.select, "unsettled").where(
        awards.c.merchant_id == bindparam("own_merchant_id"),
        awards.c.member_id == bindparam("own_member_id"),
        is_one_of(awards, UNSETTLED),
    )


def _check_none_unsettled(found: Sequence[Row[Any]]) -> None:
    """Raises AwardInDoubtError if another award of the member is PENDING or UNKNOWN."""
    for other in load_part(found, "unsettled"):
        raise AwardInDoubtError(
            other.award_id,
            request_id=other.request.request_id,
            ticket_id=other.request.ticket_id,
            attempt_time=other.attempt_time,
        )


def _add(connection: Connection, award: Award, times: Mapping[str, Any]) -> Award:
    first = {"number": award.number, "check_count": 0, "absent_count": 0, "create_time_ms": times["update_time_ms"]}
    connection.execute(_INSERT, {**_spell(award), **times, **first})
    log_change(connection, award, None, actor=award.request.actor, why=_explain(award.request))
    return award


def _try_again(connection: Connection, request: AwardRequest, rejected: Award, times: Mapping[str, Any]) -> Award:
    # An undo may be tried again on another ticket; the row keeps its own.
    ticket = {name: getattr(rejected.request, name) for name in ("ticket_id", "is_ticket_verified")}
    if request.ticket_id != rejected.request.ticket_id:
        request = msgspec.structs.replace(request, **ticket)
    again = _make_award(request, rejected.number, load_time(times["update_time_ms"]))
    award = msgspec.structs.replace(again, attempt=rejected.attempt + 1, create_time=rejected.create_time)
    own = name_award(request.merchant_id, award.number)
    connection.execute(_UPDATE, {**_spell(award), **times, **own})
    why = f"{_explain(award.request)} again"
    log_change(connection, award, rejected.state, actor=award.request.actor, why=why)
    return award


def _make_award(request: AwardRequest, number: int, time: datetime) -> Award:
    """The award's first attempt, as `load_award` would read it."""
    return Award(
        number=number,
        request=request,
        state=AwardState.PENDING,
        attempt=1,
        receipt=None,
        rejection_reason=None,
        retryable=False,
        create_time=time,
        attempt_time=time,
        update_time=time,
    )


def _spell(award: Award) -> dict[str, Any]:
    """All columns that an attempt sets, except the times."""
    request = award.request
    return {
        **msgspec.structs.asdict(request),
        **spell_settlement(Settlement(state=award.state)),
        "identified_by": request.identified_by.value,
        "agent_key": request.agent_key,
        "agent_name_key": request.agent_name_key,
        "attempt": award.attempt,
    }


def _take_number(connection: Connection, merchant_id: str) -> tuple[int, int]:
    """Lock the merchant, so that its awards are opened one after the other. Returns its next number, and the time."""
    taken = connection.execute(_TAKE_NUMBER[connection.dialect.name], {"merchant_id": merchant_id}).one()
    return taken.last_number, taken.time_ms


def _give_back(connection: Connection, merchant_id: str) -> None:
    """Give the number back that `_take_number` took, under the same lock: no new award was opened."""
    connection.execute(_GIVE_BACK, {"own_merchant_id": merchant_id})


def _explain(request: AwardRequest) -> str:
    if request.reverses is not None:
        return f"asked to take {make_award_id(request.reverses)} back"
    return "asked to take points away" if request.is_debit else "asked for"
