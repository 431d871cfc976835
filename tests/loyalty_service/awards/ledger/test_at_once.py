"""Awards that are opened and settled at the same time."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from loyalty_service.awards.ledger.settle import Settlement
from runtime.database import DatabaseError
from tests.loyalty_service.ledgers import APPLIED, LOST, NOT_REACHED, REFUSED, Book, open_book


async def test_simultaneous_openings_have_numbers_without_gaps_despite_refusals(book: Book) -> None:
    members = ["a", "b", "a", "c", "b", "d"]
    answers = await asyncio.gather(*(book.open(member_id=member) for member in members), return_exceptions=True)
    last = await book.open(member_id="e")

    numbers = [None if isinstance(answer, BaseException) else answer.award.number for answer in answers]
    assert sorted(number for number in numbers if number is not None) == [1, 2, 3, 4]
    assert last.award.number == 5


async def test_request_that_opens_no_new_award_takes_no_number(book: Book) -> None:
    opened = await book.open(request_id="panel-001", ticket_id="4711")
    replayed = await book.open(request_id="panel-001", ticket_id="4711")
    repeated = await book.open(ticket_id="4711")
    await book.settle(opened, NOT_REACHED)
    again = await book.open(request_id="panel-001", ticket_id="4711")
    other = await book.open(member_id="boris")

    numbers = [opening.award.number for opening in (opened, replayed, repeated, again, other)]
    assert numbers == [1, 1, 1, 1, 2]
    assert [opening.is_ours for opening in (opened, replayed, repeated, again, other)] == [
        True,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("settlement", [APPLIED, REFUSED, NOT_REACHED, LOST])
async def test_opened_and_settled_award_is_returned_as_recorded(book: Book, settlement: Settlement) -> None:
    fields: dict[str, Any] = {
        "note": "sorry",
        "ticket_id": "4711",
        "claimed_agent_name": "Ana",
        "tier_before": "Gold",
        "reason": "Late",
    }
    opened = await book.open(**fields)
    assert opened.award == await book.read(1)
    assert await book.settle(opened, settlement) == await book.read(1)
    if settlement is NOT_REACHED:
        again = await book.open(request_id=opened.award.request.request_id, **(fields | {"note": "anew"}))
        assert again.award == await book.read(1)
        assert await book.settle(again, APPLIED) == await book.read(1)


async def rename(book: Book, old: str, new: str) -> None:
    await book.database.write(lambda connection: connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}")))


async def test_failing_ledger_fails_all_waiting_openings_and_opens_none(database_url: str) -> None:
    async with open_book(database_url) as book:
        await rename(book, "award_changes", "lost")
        answers = await asyncio.gather(*(book.open(member_id=member) for member in "abc"), return_exceptions=True)
        await rename(book, "lost", "award_changes")

        assert [isinstance(answer, DatabaseError) for answer in answers] == [True] * 3
        assert (await book.open()).award.number == 1


@pytest.mark.parametrize("count", [2, 12])
async def test_simultaneous_outcomes_are_all_recorded(book: Book, count: int) -> None:
    given = await asyncio.gather(*(book.give(member_id=f"member-{number}") for number in range(count)))

    assert sorted(award.number for award in given) == list(range(1, count + 1))
    for award in given:
        assert [to for _, to, _, _ in await book.list_changes(award.number)] == ["pending", "applied"]
