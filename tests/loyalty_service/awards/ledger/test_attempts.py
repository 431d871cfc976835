"""The attempts of an award: each has its lease, and only the last one may be settled."""

from collections.abc import AsyncIterator

import pytest

from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.domain.award import AwardState
from tests.loyalty_service.ledgers import APPLIED, LOST, NOT_REACHED, Book, open_book


@pytest.fixture
async def book(new_sqlite_url: str) -> AsyncIterator[Book]:
    async with open_book(new_sqlite_url) as opened:
        yield opened


@pytest.mark.parametrize("late", [APPLIED, LOST, NOT_REACHED], ids=lambda late: late.state.value)
async def test_outcome_of_an_earlier_attempt_settles_none_that_follows(book: Book, late: Settlement) -> None:
    """A writer that did not hear that its outcome is on record writes it again."""
    first = await book.open(request_id="panel-0001")
    await book.settle(first, NOT_REACHED)
    second = await book.open(request_id="panel-0001")

    await book.settle(first, late)

    award = await book.read(1)
    assert (award.state, award.attempt, second.is_ours) == (AwardState.PENDING, 2, True)


async def test_attempt_stays_pending_for_its_lease(book: Book) -> None:
    await book.open()
    await book.let_pass(14)
    early = await book.ledger.expire_leases()
    await book.let_pass(2)
    assert (early, [award.state for award in await book.ledger.expire_leases()]) == ([], [AwardState.UNKNOWN])


async def test_movements_settle_no_attempt_that_is_being_sent(book: Book) -> None:
    await book.open()
    assert (await book.settle_by_movements(1, AwardState.APPLIED, why="in the list")).state is AwardState.PENDING
