"""Awards that are opened and settled at the same time."""

import asyncio

import pytest
from sqlalchemy import text

from runtime.database import DatabaseError
from tests.loyalty_service.ledgers import Book, open_book


async def test_openings_that_come_at_once_have_numbers_without_gaps_whatever_is_refused(database_url: str) -> None:
    async with open_book(database_url) as book:
        members = ["a", "b", "a", "c", "b", "d"]
        answers = await asyncio.gather(*(book.open(member_id=member) for member in members), return_exceptions=True)
        last = await book.open(member_id="e")

    numbers = [None if isinstance(answer, BaseException) else answer.award.number for answer in answers]
    assert sorted(number for number in numbers if number is not None) == [1, 2, 3, 4]
    assert last.award.number == 5


async def rename(book: Book, old: str, new: str) -> None:
    await book.database.write(lambda connection: connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}")))


async def test_ledger_that_fails_fails_all_who_wait_and_none_is_opened(database_url: str) -> None:
    async with open_book(database_url) as book:
        await rename(book, "award_changes", "lost")
        answers = await asyncio.gather(*(book.open(member_id=member) for member in "abc"), return_exceptions=True)
        await rename(book, "lost", "award_changes")

        assert [isinstance(answer, DatabaseError) for answer in answers] == [True] * 3
        assert (await book.open()).award.number == 1


@pytest.mark.parametrize("count", [2, 12])
async def test_outcomes_that_come_at_once_are_all_on_record(database_url: str, count: int) -> None:
    async with open_book(database_url) as book:
        given = await asyncio.gather(*(book.give(member_id=f"member-{number}") for number in range(count)))

        assert sorted(award.number for award in given) == list(range(1, count + 1))
        for award in given:
            assert [to for _, to, _, _ in await book.list_changes(award.number)] == ["pending", "applied"]
