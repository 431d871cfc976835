"""The ledger is compared with a model of a few lines: both agree for any calls, answers, findings and times."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select, update

from loyalty_service.awards.ledger.read import History
from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.awards.ledger.tables import award_changes, awards
from loyalty_service.database import open_database
from loyalty_service.domain.award import Award, AwardRequest, AwardState
from loyalty_service.domain.award_filter import AwardFilter
from loyalty_service.domain.errors import LoyaltyError
from tests.loyalty_service.awards.ledger.ledger_model import LIMITS, Entry, Model
from tests.loyalty_service.ledgers import APPLIED, LOST, NOT_REACHED, REFUSED, Book, make_request

T = TypeVar("T")

UTC_ZONE = ZoneInfo("UTC")
# The state that each late outcome or finding makes of an unknown award.
LATE = {"applied": "applied", "rejected": "not_applied", "unknown": "unknown"}

NUMBERS = st.integers(1, 12)
MEMBERS = st.sampled_from(["jana", "boris", "eva"])
POINTS = st.sampled_from([100, 150, 200])
TICKETS = st.sampled_from(["", "1", "2"])
AGENTS = st.sampled_from(["", "Ana", "ana", "Eva"])
REQUEST_IDS = st.sampled_from([f"request-{number}" for number in range(6)])
PANELS = st.sampled_from([("panel-001", "jana", "1"), ("panel-002", "jana", "1"), ("panel-003", "boris", "")])
UNDO_IDS = st.sampled_from(["undo-0001", "undo-0002", "undo-0003", "request-1"])
SETTLEMENTS = st.sampled_from([APPLIED, REFUSED, NOT_REACHED, LOST])
IS_DEBIT = st.sampled_from([False, False, True])
FINDINGS = st.sampled_from([AwardState.APPLIED, AwardState.NOT_APPLIED])


on_record = precondition(lambda machine: bool(machine.model.entries))


class LedgerMachine(RuleBasedStateMachine):
    """A merchant of its own on a shared database, so that no example waits for a new database."""

    def __init__(self, book: Book, runner: asyncio.Runner, merchant_id: str) -> None:
        super().__init__()
        self.book, self.runner, self.merchant_id = book, runner, merchant_id
        self.history = History(book.database, reversal_window_s=1800.0)
        self.model = Model()
        self.unrefused: Counter[str] = Counter()

    @rule(request_id=REQUEST_IDS, member_id=MEMBERS, points=POINTS, ticket_id=TICKETS, agent=AGENTS, is_debit=IS_DEBIT)
    def open(  # noqa: PLR0913  each is drawn
        self, request_id: str, member_id: str, points: int, ticket_id: str, agent: str, *, is_debit: bool
    ) -> None:
        fields = {"request_id": request_id, "ticket_id": ticket_id, "claimed_agent_name": agent}
        self._open(make_request(points, member_id, **fields, is_debit=is_debit))

    @on_record
    @rule(number=NUMBERS, ticket_id=TICKETS)
    def ask_again(self, number: int, ticket_id: str) -> None:
        """Repeat a request; an undo may come from any ticket."""
        request = self._choose(number).request
        self._open(msgspec.structs.replace(request, ticket_id=ticket_id) if request.reverses else request)

    @rule(panel=PANELS, points=POINTS, is_debit=IS_DEBIT)
    def press(self, panel: tuple[str, str, str], points: int, *, is_debit: bool) -> None:
        """Press as agents do: again, with another number or button, or on another panel of the same ticket."""
        request_id, member_id, ticket_id = panel
        fields = {"request_id": request_id, "ticket_id": ticket_id}
        self._open(make_request(points, member_id, **fields, is_debit=is_debit))

    @on_record
    @rule(number=NUMBERS, request_id=UNDO_IDS, ticket_id=TICKETS)
    def take_back(self, number: int, request_id: str, ticket_id: str) -> None:
        entry = self._choose(number)
        fields = {"request_id": request_id, "ticket_id": ticket_id, "reverses": self.model.entries.index(entry) + 1}
        fields |= {"is_debit": not entry.request.is_debit}
        self._open(make_request(entry.request.points, entry.request.member_id, **fields))

    @on_record
    @rule(number=NUMBERS, attempt=st.integers(0, 2), settlement=SETTLEMENTS)
    def settle(self, number: int, attempt: int, settlement: Settlement) -> None:
        """Settle any attempt, also a settled one or one that is over."""
        entry = self._choose(number)
        if attempt < len(entry.attempts):
            self._settle(entry, attempt, settlement)

    @on_record
    @rule(settlement=SETTLEMENTS)
    def settle_what_is_pending(self, settlement: Settlement) -> None:
        """Settle all pending awards, which is the usual case."""
        for entry in self.model.entries:
            if entry.state == "pending":
                self._settle(entry, len(entry.attempts) - 1, settlement)

    def _settle(self, entry: Entry, attempt: int, settlement: Settlement) -> None:
        settled = self._run(self.book.settle(entry.attempts[attempt], settlement))
        if attempt == len(entry.attempts) - 1 and entry.state == "pending":
            entry.state, entry.retryable = settlement.state.value, settlement.retryable
            self.unrefused[entry.request.request_id] -= entry.state == "rejected"
        elif attempt == len(entry.attempts) - 1 and entry.state == "unknown":
            entry.state = LATE[settlement.state.value]
        elif attempt == len(entry.attempts) - 1 and (entry.state, settlement) == ("not_applied", APPLIED):
            entry.state = "applied"  # the provider's own answer counts more than a finding
        assert settled.state.value == entry.state
        self._check_name(entry.request.request_id)

    @on_record
    @rule(number=NUMBERS)
    def let_lease_run_out(self, number: int) -> None:
        entry = self._choose(number)
        if entry.state == "pending":
            self._run(self._expire(self.model.entries.index(entry) + 1))
            entry.state = "unknown"

    @on_record
    @rule(number=NUMBERS, finding=FINDINGS)
    def find_out(self, number: int, finding: AwardState) -> None:
        entry = self._choose(number)
        own, is_open = self.model.entries.index(entry) + 1, _may_become(entry.state, finding.value)
        settling = self.book.ledger.settle_by_person(self.merchant_id, own, finding, "Eva", "seen in Admin")
        answer = self._ask(settling)
        if is_open or entry.state == finding.value:
            entry.state = finding.value
            assert isinstance(answer, Award)
        else:
            assert answer == "AWARD_STATE"

    @on_record
    @rule(number=NUMBERS, finding=FINDINGS)
    def look_it_up(self, number: int, finding: AwardState) -> None:
        entry = self._choose(number)
        own = self.model.entries.index(entry) + 1
        self._run(
            self.book.ledger.settle_by_movements(self.merchant_id, own, Settlement(state=finding, why="its reference"))
        )
        if _may_become(entry.state, finding.value):
            entry.state = finding.value

    @invariant()
    def both_agree(self) -> None:
        expected = [
            (number, entry.state, entry.retryable, self.model.find_reversal(number))
            for number, entry in enumerate(self.model.entries, 1)
        ]
        assert self._run(self._list()) == expected

    @invariant()
    def one_attempt_at_most_of_each_request_may_have_added_points(self) -> None:
        assert max(self.unrefused.values(), default=0) <= 1

    def teardown(self) -> None:
        """Check that each change starts from the state before, and that the last one led to the award's state."""
        last: dict[int, str] = {}
        for number, from_state, state in self._run(self._list_changes()):
            assert from_state == last.get(number)
            last[number] = state
        assert last == {number: entry.state for number, entry in enumerate(self.model.entries, 1)}

    def _choose(self, number: int) -> Entry:
        return self.model.entries[number % len(self.model.entries)]

    def _open(self, request: AwardRequest) -> None:
        request = msgspec.structs.replace(request, merchant_id=self.merchant_id)
        expected = self.model.open(request)
        if request.reverses is None:
            opening = self._ask(self.book.ledger.open(request, LIMITS, UTC_ZONE))
        else:
            opening = self._ask(self.book.ledger.open_reversal(request, UTC_ZONE))
        if isinstance(opening, str):
            assert opening == expected
            assert opening != "REQUEST_ID_REUSED" or self.unrefused[request.request_id]  # only then is it used up
            return
        assert (-opening.award.number if opening.is_ours else opening.award.number) == expected
        if not opening.is_ours:
            return
        self.unrefused[request.request_id] += 1
        if opening.award.number > len(self.model.entries):
            self.model.entries.append(Entry(request=request, attempts=[]))
        entry = self.model.entries[opening.award.number - 1]
        entry.request = request  # the last request that opened it
        entry.attempts.append(opening)
        entry.state, entry.retryable = "pending", False
        self._check_name(request.request_id)

    def _check_name(self, request_id: str) -> None:
        """Check which award a request names, and so the note: the standing one, or else the newest refused one."""
        own = [n for n, e in enumerate(self.model.entries, 1) if e.request.request_id == request_id]
        found = self._run(self.book.ledger.find(self.merchant_id, request_id))
        assert found is not None
        assert [found.number] == ([n for n in own if self.model.entries[n - 1].state != "rejected"] or own[-1:])

    def _ask(self, work: Coroutine[Any, Any, T]) -> T | str:
        """Return the answer, or the reason of the refusal."""
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


def check(database_url: str, examples: int) -> None:
    numbers = iter(range(1_000_000))
    with asyncio.Runner() as runner:
        opening = open_database(database_url)
        book = Book(runner.run(opening.__aenter__()))

        class OfThisDatabase(LedgerMachine):
            def __init__(self) -> None:
                super().__init__(book, runner, f"shop-{next(numbers)}")

        wanted = settings(max_examples=examples, stateful_step_count=30)
        try:
            run_state_machine_as_test(OfThisDatabase, settings=wanted)
        finally:
            runner.run(opening.__aexit__(None, None, None))


def test_ledger_and_model_agree_on_sqlite(new_sqlite_url: str) -> None:
    check(new_sqlite_url, examples=15)


@pytest.mark.usefixtures("new_postgres_url")
def test_ledger_and_model_agree_on_postgresql(postgres_url: str) -> None:
    check(postgres_url, examples=3)
