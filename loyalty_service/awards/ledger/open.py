"""Opens an award or a reversal as PENDING, or finds it on record, in the caller's transaction."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, insert, update

from loyalty_service.awards.ledger.audit import log_change
from loyalty_service.awards.ledger.idempotency import read_record, remember_answer
from loyalty_service.awards.ledger.rows import REVERSED_BY, AwardRows, is_award, is_one_of, load_award, load_time
from loyalty_service.awards.ledger.settle import Settlement, spell_settlement
from loyalty_service.awards.ledger.tables import award_numbers, awards
from loyalty_service.awards.ledger.usage import sum_used
from loyalty_service.domain.award import COUNTED, UNSETTLED, Award, AwardRequest, AwardState, make_award_id
from loyalty_service.domain.errors import AwardInDoubtError, AwardNotFoundError, AwardStateError, ReversalTooLateError
from loyalty_service.domain.limits import Limits, check_used
from runtime.sql import make_insert, now_ms


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

    def open(self, connection: Connection, request: AwardRequest, limits: Limits, zone: ZoneInfo) -> Opening:
        last_number, time_ms = _lock_merchant(connection, request.merchant_id)
        record = read_record(connection, self._rows, request.merchant_id, request.request_id)
        replay = record.find_replay(request.content)
        if replay is not None:
            return Opening(award=replay, is_ours=False)
        find = self._find_repeat if request.reverses is None else self._find_reversal
        there = find(connection, request, time_ms)
        if there is not None:
            remember_answer(connection, request, there)
            return Opening(award=there, is_ours=False)
        self._check_none_unsettled(connection, request)
        day = datetime.fromtimestamp(time_ms / 1000, zone).date().isoformat()
        check_used(request.points, limits, sum_used(connection, request, limits, day))
        values = self._spell(request, time_ms) | {"day": day}
        rejected = record.find_rejected(request.content)
        if rejected is None:
            award = self._add(connection, values | {"number": last_number + 1})
        else:
            award = self._try_again(connection, values, rejected)
        return Opening(award=award, is_ours=True)

    def _find_repeat(self, connection: Connection, request: AwardRequest, time_ms: int) -> Award | None:
        """The newest award with the same points, direction, member and ticket within the repeat window."""
        if not request.ticket_id:
            return None
        query = self._rows.select.where(
            awards.c.merchant_id == request.merchant_id,
            awards.c.ticket_id == request.ticket_id,
            awards.c.member_id == request.member_id,
            awards.c.attempt_time_ms >= time_ms - self._repeat_window_ms,
            awards.c.points == request.points,
            awards.c.is_debit.is_(request.is_debit),
            awards.c.reverses.is_(None),
            is_one_of(awards, COUNTED),
            REVERSED_BY.is_(None),
        )
        return max(map(load_award, connection.execute(query)), key=lambda award: award.number, default=None)

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

    def _check_none_unsettled(self, connection: Connection, request: AwardRequest) -> None:
        """Raises AwardInDoubtError if another award of the member is PENDING or UNKNOWN."""
        query = self._rows.select.where(
            awards.c.merchant_id == request.merchant_id,
            awards.c.member_id == request.member_id,
            is_one_of(awards, UNSETTLED),
        )
        row = connection.execute(query).one_or_none()
        if row is not None:
            other = load_award(row)
            raise AwardInDoubtError(
                other.award_id,
                request_id=other.request.request_id,
                ticket_id=other.request.ticket_id,
                attempt_time=other.attempt_time,
            )

    def _spell(self, request: AwardRequest, time_ms: int) -> dict[str, Any]:
        """All columns that an attempt sets."""
        return {
            **msgspec.structs.asdict(request),
            **spell_settlement(Settlement(state=AwardState.PENDING)),
            "agent_key": request.agent_key,
            "agent_name_key": request.agent_name_key,
            "attempt_time_ms": time_ms,
            "lease_expire_time_ms": time_ms + self._lease_ms,
            "update_time_ms": time_ms,
        }

    def _add(self, connection: Connection, values: dict[str, Any]) -> Award:
        merchant_id, number = values["merchant_id"], values["number"]
        counted = update(award_numbers).where(award_numbers.c.merchant_id == merchant_id)
        connection.execute(counted.values(last_number=number))
        first = {"attempt": 1, "check_count": 0, "absent_count": 0, "create_time_ms": values["update_time_ms"]}
        connection.execute(insert(awards).values(values | first))
        award = self._rows.lock(connection, merchant_id, number)
        log_change(connection, award, None, actor=award.request.actor, why=_explain(award.request))
        return award

    def _try_again(self, connection: Connection, values: dict[str, Any], rejected: Award) -> Award:
        kept = {"attempt": rejected.attempt + 1}
        if values["ticket_id"] != rejected.request.ticket_id:  # an undo may be tried again on another ticket
            ticket = {name: getattr(rejected.request, name) for name in ("ticket_id", "is_ticket_verified")}
            kept |= ticket
        merchant_id = rejected.request.merchant_id
        connection.execute(update(awards).where(is_award(merchant_id, rejected.number)).values(values | kept))
        award = self._rows.lock(connection, merchant_id, rejected.number)
        why = f"{_explain(award.request)} again"
        log_change(connection, award, rejected.state, actor=award.request.actor, why=why)
        return award


def _lock_merchant(connection: Connection, merchant_id: str) -> tuple[int, int]:
    """Lock the merchant, so that its awards are opened one after the other. Returns its last number, and the time."""
    row = make_insert(connection, award_numbers).values(merchant_id=merchant_id, last_number=0)
    unchanged = {"last_number": award_numbers.c.last_number}
    lock = row.on_conflict_do_update(index_elements=["merchant_id"], set_=unchanged)
    locked = connection.execute(lock.returning(award_numbers.c.last_number, now_ms().label("time_ms"))).one()
    return locked.last_number, locked.time_ms


def _explain(request: AwardRequest) -> str:
    if request.reverses is not None:
        return f"asked to take {make_award_id(request.reverses)} back"
    return "asked to take points away" if request.is_debit else "asked for"
