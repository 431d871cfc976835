"""What keeps a request id for itself: a press that added nothing does not use the panel up."""

from collections.abc import AsyncIterator

import pytest

from tests.loyalty_service.ledgers import NOT_REACHED, Book, open_book


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[Book]:
    async with open_book(database_url) as opened:
        yield opened


async def test_undo_that_was_refused_may_be_pressed_again_on_another_ticket(book: Book) -> None:
    given = await book.give(ticket_id="4711")
    first = await book.open_reversal(given, request_id="undo-0001", ticket_id="4711", is_ticket_verified=True)
    await book.ledger.settle(first, NOT_REACHED)

    again = await book.open_reversal(given, request_id="undo-0001", ticket_id="4712", claimed_agent_name="Eva")

    assert (again.award.number, again.attempt, again.is_ours) == (2, 2, True)
    request = again.award.request
    assert (request.ticket_id, request.is_ticket_verified, request.claimed_agent_name) == ("4711", True, "Eva")
