"""However many awards there are, no statement of the ledger goes through all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from loyalty_service.domain.award import AwardState
from loyalty_service.domain.limits import Limits
from tests.loyalty_service.ledgers import LOST, Book, open_book

ALL_LIMITS = Limits(per_ticket=10_000, per_member_day=10_000, per_merchant_day=10_000, per_agent_day=10_000)


@contextmanager
def note_statements() -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database, with its values."""
    noted: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:  # noqa: ANN401  the driver's
        noted.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def use_all(book: Book) -> None:
    given = await book.give(limits=ALL_LIMITS, ticket_id="4711", claimed_agent_name="Ana")
    await book.take_back(given)
    unknown = await book.ledger.settle(await book.open(), LOST)
    await book.ledger.mark_needs_person("acme", unknown.number)
    await book.ledger.settle_by_person("acme", unknown.number, AwardState.NOT_APPLIED, "Eva", "not in Admin")
    await book.ledger.settle_doubt("acme", unknown.number, AwardState.APPLIED, why="its reference")
    await book.open()
    await book.let_pass(20)
    await book.ledger.expire_leases()
    await book.ledger.find("acme", given.request.request_id)


def explain(connection: Connection, noted: list[tuple[str, Any]]) -> dict[str, list[str]]:
    """The steps of each statement's plan."""
    plans = {}
    for statement, values in noted:
        if "awards" in statement and "attempt_time_ms - " not in statement:
            explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans[statement] = [row.detail for row in explained]
    return plans


async def test_every_statement_of_the_ledger_finds_its_rows_by_an_index(new_sqlite_url: str) -> None:
    async with open_book(new_sqlite_url) as book:
        with note_statements() as noted:
            await use_all(book)
        plans = await book.database.read(lambda connection: explain(connection, noted))

    assert len(plans) > 8
    scanning = [statement for statement, plan in plans.items() if any(step.startswith("SCAN award") for step in plan)]
    assert scanning == []
