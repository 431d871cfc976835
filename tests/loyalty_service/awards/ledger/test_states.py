"""The states of an award, and the changes between them: database and domain allow the same."""

from functools import partial

from sqlalchemy import Connection, Insert, insert
from sqlalchemy.exc import IntegrityError

from loyalty_service.awards.ledger.tables import award_changes
from loyalty_service.domain.award import ALLOWED_CHANGES, AwardState
from tests.loyalty_service.books import refused_by_database
from tests.loyalty_service.ledgers import Book
from tests.statements import execute

PAIRS = [(before, after) for before in (None, *AwardState) for after in AwardState]


def make_change(before: AwardState | None, after: AwardState) -> Insert:
    values = {"merchant_id": "acme", "number": 1, "attempt": 1, "actor": "", "why": "", "change_time_ms": 0}
    return insert(award_changes).values(**values, from_state=before and before.value, state=after.value)


async def test_database_records_only_changes_that_the_domain_allows(book: Book) -> None:
    accepted = set()
    for before, after in PAIRS:
        try:
            await book.database.write(partial(Connection.execute, statement=make_change(before, after)))
        except IntegrityError:
            continue
        accepted.add((before, after))

    assert accepted == {(before, after) for before, allowed in ALLOWED_CHANGES.items() for after in allowed}


def test_domain_names_the_changes_of_each_state() -> None:
    assert set(ALLOWED_CHANGES) == {None, *AwardState}


async def test_database_allows_only_the_domain_s_states(book: Book) -> None:
    await book.open()
    for state in AwardState:
        await execute(book.database, f"UPDATE awards SET state = '{state.value}'")  # noqa: S608  ours
    with refused_by_database("state"):
        await execute(book.database, "UPDATE awards SET state = 'lost'")
