"""Awards and reversals put on record, or found there, in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import BigInteger, Connection, Row, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from loyalty_service.awards.ledger.audit import Changes, Page
from loyalty_service.awards.ledger.rows import Settlement, read_award, read_time, select_awards, spell_settlement
from loyalty_service.awards.ledger.tables import award_numbers, award_repeats, awards
from loyalty_service.awards.ledger.usage import PrecedentReader
from loyalty_service.domain.award import Award, AwardRequest, AwardState, make_award_id
from loyalty_service.domain.errors import (
    AwardInDoubtError,
    AwardNotFoundError,
    AwardStateError,
    LoyaltyError,
    ReversalTooLateError,
)
from loyalty_service.domain.limits import Limits, check_used
from runtime.sql import now_ms


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """An award on record. `is_ours`: the caller, and nobody else, is to send this attempt."""

    award: Award
    attempt: int
    is_ours: bool


class NothingOpened(Exception):
    """All were there already, or refused. Raised so that the transaction leaves no trace."""

    def __init__(self, answers: list[Opening | Exception]) -> None:
        super().__init__()
        self.answers = answers


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An award or a deduction to be opened, or a reversal: then there are no limits. `zone`: the merchant's."""

    request: AwardRequest
    limits: Limits
    zone: ZoneInfo


class Openings:
    """All times in milliseconds. What is opened, and what refused, is described in Ledger."""

    def __init__(self, changes: Changes, *, lease_ms: int, repeat_window_ms: int, reversal_window_ms: int) -> None:
        self._changes = changes
        self._lease_ms = lease_ms
        self._reversal_window_ms = reversal_window_ms
        self._precedents = PrecedentReader(reversal_window_ms, repeat_window_ms)
        self._select_original = select_awards(reversal_window_ms).where(
            awards.c.merchant_id == bindparam("own_merchant_id"), awards.c.number == bindparam("own_number")
        )
        self._take_numbers = {"postgresql": _make_upsert(postgresql.insert), "sqlite": _make_upsert(sqlite.insert)}
        self._answers = {"postgresql": _make_answer(postgresql.insert), "sqlite": _make_answer(sqlite.insert)}

    def open(self, page: Page, merchant_id: str, all_wanted: Sequence[Wanted]) -> list[Opening | Exception]:
        """Open a merchant's awards one after the other; a refused one has written nothing. Raises NothingOpened."""
        last_number, time_ms = self._lock_merchant(page.connection, merchant_id, len(all_wanted))
        number = last_number - len(all_wanted) + 1
        answers: list[Opening | Exception] = []
        for wanted in all_wanted:
            try:
                opening = self._open(page, wanted, number, time_ms)
            except LoyaltyError as error:
                answers.append(error)
                continue
            answers.append(opening)
            number += opening.award.number == number
        if not page.has_more and not any(isinstance(answer, Opening) and answer.is_ours for answer in answers):
            raise NothingOpened(answers)
        if number <= last_number:
            _give_back_numbers(page.connection, merchant_id, number - 1)
        return answers

    def _open(self, page: Page, wanted: Wanted, number: int, time_ms: int) -> Opening:
        request = wanted.request
        day = datetime.fromtimestamp(time_ms / 1000, wanted.zone).date().isoformat()
        found = self._precedents.read(page.connection, request, wanted.limits, day=day, time_ms=time_ms)
        replay = found.records.find_replay(request.content)
        if replay is not None:
            return _make_opening(replay, is_ours=False)
        there = found.repeat if request.reverses is None else self._find_reversal(page.connection, request, time_ms)
        if there is not None:
            self._remember_answer(page, request, there.number)
            return _make_opening(there, is_ours=False)
        if found.doubt is not None:
            doubt = read_award(found.doubt)
            raise AwardInDoubtError(
                doubt.award_id,
                request_id=doubt.request.request_id,
                ticket_id=doubt.request.ticket_id,
                attempt_time=doubt.attempt_time,
            )
        check_used(request.points, wanted.limits, found.used)
        rejected = found.records.find_rejected(request.content)
        return self._write(page, request, rejected, number=number, time_ms=time_ms, day=day)

    def _remember_answer(self, page: Page, request: AwardRequest, number: int) -> None:
        """A copy of the request may still be on its way, and arrive when that award has been taken back."""
        values = {"merchant_id": request.merchant_id, "request_id": request.request_id, "number": number}
        page.connection.execute(self._answers[page.connection.dialect.name], values)
        page.has_more = True

    def _find_reversal(self, connection: Connection, request: AwardRequest, time_ms: int) -> Row[Any] | None:
        """The one that is there already; None where one may be opened."""
        original = self._read(connection, request.merchant_id, request.reverses)
        if original is None:
            raise AwardNotFoundError
        award_id = read_award(original).award_id
        if original.reverses is not None:
            raise AwardStateError(award_id, "reversal")
        if original.state != AwardState.APPLIED.value:
            raise AwardStateError(award_id, original.state)
        if original.reversed_by is not None:
            return self._read(connection, original.merchant_id, original.reversed_by)
        expire_time_ms = original.update_time_ms + self._reversal_window_ms
        if time_ms >= expire_time_ms:
            raise ReversalTooLateError(award_id, read_time(expire_time_ms))
        return None

    def _lock_merchant(self, connection: Connection, merchant_id: str, count: int) -> tuple[int, int]:
        """Make all who open awards of this merchant wait for one another. Returns the last of `count` new numbers, and
        the time.
        """  # noqa: D205  one thought
        query = self._take_numbers[connection.dialect.name]
        row = connection.execute(query, {"own_merchant_id": merchant_id, "count": count}).one()
        return row.last_number, row.time_ms

    def _read(self, connection: Connection, merchant_id: str, number: int | None) -> Row[Any] | None:
        key = {"own_merchant_id": merchant_id, "own_number": number}
        return connection.execute(self._select_original, key).one_or_none()

    def _write(  # noqa: PLR0913  each a value of its own
        self, page: Page, request: AwardRequest, rejected: Row[Any] | None, *, number: int, time_ms: int, day: str
    ) -> Opening:
        """`rejected`: the award that is tried again; None: a new one."""
        values = msgspec.structs.asdict(request) | spell_settlement(Settlement(state=AwardState.PENDING))
        values |= {"attempt_time_ms": time_ms, "lease_expire_time_ms": time_ms + self._lease_ms, "day": day}
        values |= {"agent_key": request.agent_key, "agent_name_key": request.agent_name_key}
        why = _explain(request)
        if rejected is None:
            values |= {"number": number, "attempt": 1, "check_count": 0, "absent_count": 0}
            values |= {"create_time_ms": time_ms, "update_time_ms": time_ms}
            row = self._changes.add(page, values, actor=request.actor, why=why)
        else:
            values["attempt"] = rejected.attempt + 1
            if request.ticket_id != rejected.ticket_id:  # an undo may be tried again from anywhere; its ticket stays
                values |= {"ticket_id": rejected.ticket_id, "is_ticket_verified": rejected.is_ticket_verified}
            row = self._changes.change(page, rejected, values, actor=request.actor, why=f"{why} again")
        return _make_opening(row, is_ours=True)


def _make_upsert(insert: Any) -> Any:  # noqa: ANN401  the two engines' inserts have no type in common
    count = bindparam("count", type_=BigInteger())
    row = insert(award_numbers).values(merchant_id=bindparam("own_merchant_id"), last_number=count)
    counted = {"last_number": award_numbers.c.last_number + count}
    counting = row.on_conflict_do_update(index_elements=["merchant_id"], set_=counted)
    return counting.returning(award_numbers.c.last_number, now_ms().label("time_ms"))


def _make_answer(insert: Any) -> Any:  # noqa: ANN401  likewise
    row = insert(award_repeats)
    return row.on_conflict_do_nothing()


def _give_back_numbers(connection: Connection, merchant_id: str, last_number: int) -> None:
    own = award_numbers.c.merchant_id == merchant_id
    connection.execute(update(award_numbers).where(own).values(last_number=last_number))


def _explain(request: AwardRequest) -> str:
    if request.reverses is not None:
        return f"asked to take {make_award_id(request.reverses)} back"
    return "asked to take points away" if request.is_debit else "asked for"


def _make_opening(row: Row[Any], *, is_ours: bool) -> Opening:
    return Opening(award=read_award(row), attempt=row.attempt, is_ours=is_ours)
