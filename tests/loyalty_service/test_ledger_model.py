"""The ledger against a model of a few lines: whatever callers, providers, people and time do, both agree."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, update

from loyalty_service.awards.history import History
from loyalty_service.awards.openings import Opening
from loyalty_service.awards.rows import Settlement
from loyalty_service.awards.tables import award_changes, awards
from loyalty_service.database import open_database
from loyalty_service.domain.award import Award, AwardRequest, AwardState
from loyalty_service.domain.award_filter import AwardFilter
from loyalty_service.domain.errors import LoyaltyError
from loyalty_service.domain.limits import Limits
from tests.loyalty_service.ledgers import APPLIED, LOST, NOT_REACHED, REFUSED, Book, make_request

T = TypeVar("T")

UTC_ZONE = ZoneInfo("UTC")
SLOW = [HealthCheck.too_slow]  # it is the machine's load, not what is drawn
LIMITS = Limits(per_award=None, per_ticket=300, per_member_day=500, per_merchant_day=800, per_agent_day=450)
DOUBT, GIVEN = {"pending", "unknown"}, {"pending", "unknown", "applied"}
# What a late outcome, a person or the movements make of what is unknown.
LATE = {"applied": "applied", "rejected": "not_applied", "unknown": "unknown"}

NUMBERS = st.integers(1, 12)
MEMBERS = st.sampled_from(["jana", "boris", "eva"])
POINTS = st.sampled_from([100, 150, 200])
TICKETS = st.sampled_from(["", "1", "2"])
AGENTS = st.sampled_from(["", "Ana", "ana", "Eva"])
REQUEST_IDS = st.sampled_from([f"request-{number}" for number in range(12)])
SETTLEMENTS = st.sampled_from([APPLIED, REFUSED, NOT_REACHED, LOST])
FINDINGS = st.sampled_from([AwardState.APPLIED, AwardState.NOT_APPLIED])


class Entry(msgspec.Struct):
    """An award of the model. `attempts`: an opening each."""

    request: AwardRequest
    attempts: list[Opening]
    state: str = "pending"
    retryable: bool = False


class Model:
    """What the ledger is to do, in plain words. Numbers are places in `entries`, from 1."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.repeats: dict[str, int] = {}

    def find_reversal(self, number: int) -> int | None:
        found = [n for n, e in enumerate(self.entries, 1) if e.request.reverses == number and e.state in GIVEN]
        return found[0] if found else None

    def sum_points(self, **fields: str) -> int:
        """Of all awards that count and have these values."""
        counted = [
            entry
            for number, entry in enumerate(self.entries, 1)
            if entry.state in GIVEN
            and entry.request.reverses is None
            and not ((back := self.find_reversal(number)) and self.entries[back - 1].state == "applied")
        ]
        asked = [e for e in counted if all(getattr(e.request, name) == value for name, value in fields.items())]
        return sum(entry.request.points for entry in asked)

    def open(self, request: AwardRequest) -> str | int:
        """The number that answers, or the reason of the refusal. Where it is one to send: below 0."""
        own = next((n for n, e in enumerate(self.entries, 1) if e.request.request_id == request.request_id), 0)
        if own and not self._is_like(own, request):
            return "REQUEST_ID_REUSED"
        if own and not self.entries[own - 1].retryable:
            return own
        there = self._find_there(request)
        if there:
            return there
        if any(e.request.member_id == request.member_id and e.state in DOUBT for e in self.entries):
            return "AWARD_IN_DOUBT"
        if request.reverses is None and self._is_beyond(request):
            return "LIMIT_EXCEEDED"
        return -(own or len(self.entries) + 1)

    def _find_there(self, request: AwardRequest) -> str | int | None:
        """What another request has put on record, and what this one was answered with before."""
        answered = self.repeats.get(request.request_id, 0)
        if answered and self.entries[answered - 1].state in GIVEN:
            return answered if self._is_like(answered, request) else "REQUEST_ID_REUSED"
        if request.reverses:
            return self._refuse_or_find_reversal(request)
        if repeat := self._find_repeat(request):
            self.repeats[request.request_id] = repeat
        return repeat

    def _is_like(self, number: int, request: AwardRequest) -> bool:
        return _content(self.entries[number - 1].request) == _content(request)

    def _find_repeat(self, request: AwardRequest) -> int:
        like = [
            number
            for number, entry in enumerate(self.entries, 1)
            if request.ticket_id
            and entry.state in GIVEN
            and entry.request.reverses is None
            and _content(entry.request) == _content(request)
            and not self.find_reversal(number)
        ]
        return max(like, default=0)

    def _refuse_or_find_reversal(self, request: AwardRequest) -> str | int | None:
        original = self.entries[(request.reverses or 0) - 1]
        if original.state != "applied" or original.request.reverses is not None:
            return "AWARD_STATE"
        return self.find_reversal(request.reverses or 0)

    def _is_beyond(self, request: AwardRequest) -> bool:
        left = [800 - self.sum_points(), 500 - self.sum_points(member_id=request.member_id)]
        left.append(450 - self.sum_points(agent_key=request.agent_key))
        if request.ticket_id:
            left.append(300 - self.sum_points(ticket_id=request.ticket_id))
        return request.points > min(left)


class LedgerMachine(RuleBasedStateMachine):
    """One merchant of its own on a shared database, so that no example waits for a new one."""

    def __init__(self, book: Book, runner: asyncio.Runner, merchant_id: str) -> None:
        super().__init__()
        self.book, self.runner, self.merchant_id = book, runner, merchant_id
        self.history = History(book.database, reversal_window_s=1800.0)
        self.model = Model()

    @rule(request_id=REQUEST_IDS, member_id=MEMBERS, points=POINTS, ticket_id=TICKETS, agent=AGENTS)
    def open(self, request_id: str, member_id: str, points: int, ticket_id: str, agent: str) -> None:
        fields = {"request_id": request_id, "ticket_id": ticket_id, "claimed_agent_name": agent}
        self._open(make_request(points, member_id, **fields))

    @rule(number=NUMBERS)
    def ask_again(self, number: int) -> None:
        if entry := self._choose(number):
            self._open(entry.request)

    @rule(number=NUMBERS, request_id=REQUEST_IDS)
    def take_back(self, number: int, request_id: str) -> None:
        if entry := self._choose(number):
            original, own = entry.request, self.model.entries.index(entry) + 1
            self._open(make_request(original.points, original.member_id, request_id=request_id, reverses=own))

    @rule(number=NUMBERS, attempt=st.integers(0, 2), settlement=SETTLEMENTS)
    def settle(self, number: int, attempt: int, settlement: Settlement) -> None:
        """Also what is settled already, and outcomes of attempts that are over."""
        entry = self._choose(number)
        if entry is None or attempt >= len(entry.attempts):
            return
        settled = self._run(self.book.ledger.settle(entry.attempts[attempt], settlement))
        if attempt == len(entry.attempts) - 1 and entry.state == "pending":
            entry.state, entry.retryable = settlement.state.value, settlement.retryable
        elif attempt == len(entry.attempts) - 1 and entry.state == "unknown":
            entry.state = LATE[settlement.state.value]
        elif attempt == len(entry.attempts) - 1 and (entry.state, settlement) == ("not_applied", APPLIED):
            entry.state = "applied"  # the provider's own word is better than what was found out
        assert settled.state.value == entry.state

    @rule(number=NUMBERS)
    def let_lease_run_out(self, number: int) -> None:
        entry = self._choose(number)
        if entry is not None and entry.state == "pending":
            self._run(self._expire(self.model.entries.index(entry) + 1))
            entry.state = "unknown"

    @rule(number=NUMBERS, finding=FINDINGS)
    def find_out(self, number: int, finding: AwardState) -> None:
        if (entry := self._choose(number)) is None:
            return
        own, is_open = self.model.entries.index(entry) + 1, _may_become(entry.state, finding.value)
        settling = self.book.ledger.settle_by_person(self.merchant_id, own, finding, "Eva", "seen in Admin")
        answer = self._ask(settling)
        if is_open or entry.state == finding.value:
            entry.state = finding.value
            assert isinstance(answer, Award)
        else:
            assert answer == "AWARD_STATE"

    @rule(number=NUMBERS, finding=FINDINGS)
    def look_it_up(self, number: int, finding: AwardState) -> None:
        if (entry := self._choose(number)) is None:
            return
        own = self.model.entries.index(entry) + 1
        self._run(self.book.ledger.settle_doubt(self.merchant_id, own, finding, why="its reference"))
        if _may_become(entry.state, finding.value):
            entry.state = finding.value

    @invariant()
    def both_agree(self) -> None:
        expected = [
            (number, entry.state, entry.retryable, self.model.find_reversal(number))
            for number, entry in enumerate(self.model.entries, 1)
        ]
        assert self._run(self._list()) == expected

    def teardown(self) -> None:
        """Each change goes on from where the one before has led, and the last one to where the award is."""
        last: dict[int, str] = {}
        for number, from_state, state in self._run(self._list_changes()):
            assert from_state == last.get(number)
            last[number] = state
        assert last == {number: entry.state for number, entry in enumerate(self.model.entries, 1)}

    def _choose(self, number: int) -> Entry | None:
        return self.model.entries[number % len(self.model.entries)] if self.model.entries else None

    def _open(self, request: AwardRequest) -> None:
        request = msgspec.structs.replace(request, merchant_id=self.merchant_id)
        expected = self.model.open(request)
        if request.reverses is None:
            opening = self._ask(self.book.ledger.open(request, LIMITS, UTC_ZONE))
        else:
            opening = self._ask(self.book.ledger.open_reversal(request, UTC_ZONE))
        if isinstance(opening, str):
            assert opening == expected
            return
        assert (-opening.award.number if opening.is_ours else opening.award.number) == expected
        if not opening.is_ours:
            return
        if opening.award.number > len(self.model.entries):
            self.model.entries.append(Entry(request=request, attempts=[]))
        entry = self.model.entries[opening.award.number - 1]
        entry.request = request  # whoever asked last gave it
        entry.attempts.append(opening)
        entry.state, entry.retryable = "pending", False

    def _ask(self, work: Coroutine[Any, Any, T]) -> T | str:
        """What it answers, or the reason of its refusal."""
        try:
            return self._run(work)
        except LoyaltyError as error:
            return error.reason

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _expire(self, number: int) -> None:
        own = (awards.c.merchant_id == self.merchant_id, awards.c.number == number)
        expired = update(awards).where(*own).values(lease_expire_time_ms=0)
        await self.book.database.write(lambda connection: connection.execute(expired))
        await self.book.ledger.expire_leases()

    async def _list(self) -> list[tuple[int, str, bool, int | None]]:
        found = await self.history.list_page(self.merchant_id, AwardFilter(), None, 100)
        return [(a.number, a.state.value, a.retryable, a.reversed_by) for a in reversed(found)]

    async def _list_changes(self) -> list[Any]:
        columns = (award_changes.c.number, award_changes.c.from_state, award_changes.c.state)
        own = award_changes.c.merchant_id == self.merchant_id
        query = select(*columns).where(own).order_by(award_changes.c.change_id)
        return await self.book.database.read(lambda connection: list(connection.execute(query)))


def _may_become(state: str, finding: str) -> bool:
    return state == "unknown" or (state, finding) == ("not_applied", "applied")


def _content(request: AwardRequest) -> tuple[object, ...]:
    if request.reverses is not None:
        return (request.reverses,)
    return (request.member_id, request.points, request.ticket_id)


def check(database_url: str, examples: int) -> None:
    numbers = iter(range(1_000_000))
    with asyncio.Runner() as runner:
        opening = open_database(database_url)
        book = Book(runner.run(opening.__aenter__()))

        class OfThisDatabase(LedgerMachine):
            def __init__(self) -> None:
                super().__init__(book, runner, f"shop-{next(numbers)}")

        wanted = settings(max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=SLOW)
        try:
            run_state_machine_as_test(OfThisDatabase, settings=wanted)
        finally:
            runner.run(opening.__aexit__(None, None, None))


def test_ledger_and_model_agree_on_sqlite(new_sqlite_url: str) -> None:
    check(new_sqlite_url, examples=15)


@pytest.mark.usefixtures("new_postgres_url")
def test_ledger_and_model_agree_on_postgresql(postgres_url: str) -> None:
    check(postgres_url, examples=5)
