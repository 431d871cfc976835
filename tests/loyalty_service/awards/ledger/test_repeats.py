"""The same points for the same member on the same ticket: when they are a repeat, and when another award."""

from typing import Any

import pytest

from loyalty_service.awards.ledger.erase import Erasures
from tests.loyalty_service.ledgers import APPLIED, NOT_REACHED, Book
from tests.loyalty_service.scripted import JANA

TICKET: Any = {"ticket_id": "4711"}


@pytest.fixture
def book(sqlite_book: Book) -> Book:
    return sqlite_book


async def test_window_runs_from_the_attempt_that_was_sent(book: Book) -> None:
    """The first attempt, an hour ago, did not reach TRIFFT."""
    await book.settle(await book.open(request_id="panel-0001", **TICKET), NOT_REACHED)
    await book.let_pass(3_600.0)
    await book.settle(await book.open(request_id="panel-0001", **TICKET), APPLIED)

    repeat = await book.open(**TICKET)

    assert (repeat.award.number, repeat.is_ours) == (1, False)


async def test_repeated_request_takes_no_number(book: Book) -> None:
    await book.give(request_id="panel-0001", **TICKET)

    again = await book.open(request_id="panel-0001", **TICKET)
    next_one = await book.open(ticket_id="4712")

    assert (again.award.number, again.is_ours) == (1, False)
    assert (next_one.award.number, next_one.is_ours) == (2, True)


async def test_request_with_an_answer_adds_on_another_ticket_after_an_erasure(book: Book) -> None:
    given = await book.give(**TICKET)
    await book.open(request_id="repeated", **TICKET)
    await book.take_back(given)
    await Erasures(book.database, reversal_window_s=1800.0).erase("acme", JANA, "Eva")

    elsewhere = await book.open(request_id="repeated", ticket_id="4712")

    assert (elsewhere.award.number, elsewhere.is_ours) == (3, True)
