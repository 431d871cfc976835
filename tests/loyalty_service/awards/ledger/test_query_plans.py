"""No statement of the ledger reads all awards, however many there are."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy import Connection

from loyalty_service.awards.ledger.read import History
from loyalty_service.awards.reconciliation.claim import Claims
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping
from loyalty_service.domain.limits import Limits
from tests.loyalty_service.ledgers import LOST, NOT_REACHED, Book, open_book
from tests.loyalty_service.scripted import JANA
from tests.statements import note_statements

ALL_LIMITS = Limits(per_ticket=10_000, per_member_day=10_000, per_merchant_day=10_000, per_agent_day=10_000)
# A step that reads all awards, or all of a merchant. The index of awards that wait for a person has few rows.
WALK = re.compile(
    r"SCAN (award|reversal)(?!.* awards_unfinished$)"
    r"|SEARCH (awards|reversal) USING INDEX (?!awards_for_a_person)\w+ \(merchant_id=\?\)"
)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def use_ledger(book: Book) -> None:
    given = await book.give(limits=ALL_LIMITS, ticket_id="4711", claimed_agent_name="Ana")
    await book.take_back(given)
    unknown = await book.settle(await book.open(), LOST)
    await book.ledger.mark_needs_person("acme", unknown.number)
    await book.ledger.settle_by_person("acme", unknown.number, AwardState.NOT_APPLIED, "Eva", "not in Admin")
    await book.settle_by_movements(unknown.number, AwardState.APPLIED, movement_id="m-7", why="its reference")
    await book.open()
    await book.let_pass(20)
    await book.ledger.expire_leases()
    await book.ledger.find("acme", given.request.request_id)
    await book.ledger.find_replay("acme", given.request.request_id, given.request.content)


async def use_request(book: Book) -> None:
    """Make a request with refused awards, which other requests' awards answered."""
    await book.give(ticket_id="4711")
    for points in (100, 50, 60):
        await book.settle(await book.open(points, ticket_id="4711", request_id="panel-001"), NOT_REACHED)
    await book.open(60, ticket_id="4711", request_id="panel-001")


async def use_claims(book: Book) -> None:
    claims = Claims(book.database, reversal_window_s=1800.0)
    await book.settle(await book.open(member_id="boris"), LOST)
    await book.let_pass(20)
    await claims.count()
    [claim] = await claims.claim(10, without=())
    await claims.read_neighbours(claim)
    await claims.plan(claim, AwardState.UNKNOWN, after_s=60.0)


async def use_history(book: Book) -> None:
    history = History(book.database, reversal_window_s=1800.0)
    await history.list_recent("acme", "jana")
    await history.list_changes("acme", 1)
    for wanted in (AwardFilter(member_id="jana"), AwardFilter(ticket_id="4711"), AwardFilter(needs_person=True)):
        await history.sum_awards("acme", wanted, AwardGrouping.AGENT)


async def explain(book: Book, use: Callable[[Book], Awaitable[None]]) -> dict[str, list[str]]:
    """Return the plan's steps of each statement that `use` makes."""
    async with note_statements(book.database) as noted:
        await use(book)

    def read(connection: Connection) -> dict[str, list[str]]:
        plans = {}
        for statement, values in noted:
            if "award" in statement and "attempt_time_ms - " not in statement:
                explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                plans[statement] = [row.detail for row in explained]
        return plans

    return await book.database.read(read)


async def test_every_statement_finds_its_rows_by_an_index(new_sqlite_url: str) -> None:
    async with open_book(new_sqlite_url) as book:
        plans = await explain(book, use_ledger) | await explain(book, use_claims) | await explain(book, use_history)

    assert len(plans) > 20
    assert [(statement, step) for statement, plan in plans.items() for step in plan if WALK.match(step)] == []
    of_reversals = {step for plan in plans.values() for step in plan if " reversal " in step}
    assert of_reversals == {"SEARCH reversal USING INDEX awards_by_reversed (merchant_id=? AND reverses=?)"}


async def test_awards_of_a_request_are_found_by_index(new_sqlite_url: str) -> None:
    async def use(book: Book) -> None:
        await book.ledger.find("acme", "panel-001")
        await book.ledger.find_replay("acme", "panel-001", (JANA, 60, False, "4711"))

    async with open_book(new_sqlite_url) as book:
        opened = (await explain(book, use_request)).values()
        found, record = (await explain(book, use)).values()

    by_request = "SEARCH awards USING INDEX awards_by_request (merchant_id=? AND request_id=?)"
    answered = "SEARCH awards USING INDEX sqlite_autoindex_awards_1 (merchant_id=? AND number=?)"
    assert by_request in found
    assert {by_request, answered} <= set(record)
    assert any(set(record) <= set(plan) for plan in opened)


async def test_page_of_awards_starts_at_its_first_number(new_sqlite_url: str) -> None:
    async def use(book: Book) -> None:
        history = History(book.database, reversal_window_s=1800.0)
        await history.list_page("acme", AwardFilter(from_time=NOON), 7, 10)

    async with open_book(new_sqlite_url) as book:
        [plan] = (await explain(book, use)).values()

    assert plan[0] == "SEARCH awards USING INDEX sqlite_autoindex_awards_1 (merchant_id=? AND number<?)"
    assert not any("TEMP B-TREE" in step for step in plan)
