"""The attempts of an award: each has its lease, and only the last one may be settled."""

import pytest

from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.domain.award import AwardState
from tests.loyalty_service.ledgers import APPLIED, LOST, NOT_REACHED, REFUSED, Book


@pytest.fixture
def book(sqlite_book: Book) -> Book:
    return sqlite_book


@pytest.mark.parametrize("late", [APPLIED, LOST, NOT_REACHED], ids=lambda late: late.state.value)
async def test_outcome_of_an_earlier_attempt_settles_no_later_one(book: Book, late: Settlement) -> None:
    """A writer that does not know that its outcome is on record writes it again."""
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


async def test_movements_do_not_settle_an_attempt_that_is_being_sent(book: Book) -> None:
    await book.open()
    assert (await book.settle_by_movements(1, AwardState.APPLIED, why="in the list")).state is AwardState.PENDING


@pytest.mark.parametrize("refusal", [NOT_REACHED, REFUSED], ids=lambda refusal: refusal.rejection_reason)
async def test_refusal_that_comes_after_the_lease_means_not_applied(book: Book, refusal: Settlement) -> None:
    opening = await book.open()
    await book.let_pass(16)
    await book.ledger.expire_leases()
    assert (await book.settle(opening, refusal)).state is AwardState.NOT_APPLIED


async def test_request_finds_its_standing_award_although_a_newer_one_was_refused(book: Book) -> None:
    for points in (500, 100):
        await book.settle(await book.open(points, request_id="panel-0001"), NOT_REACHED)
    await book.give(500, request_id="panel-0001")
    found = await book.ledger.find("acme", "panel-0001")
    assert found is not None
    assert (found.number, found.state) == (1, AwardState.APPLIED)


async def test_every_attempt_is_returned_as_recorded(book: Book) -> None:
    first = await book.open(request_id="panel-0001")
    assert first.award == await book.read(1)
    assert await book.settle(first, NOT_REACHED) == await book.read(1)
    await book.let_pass(60)

    second = await book.open(request_id="panel-0001")

    assert second.award == await book.read(1)
    assert await book.settle(second, APPLIED) == await book.read(1)
