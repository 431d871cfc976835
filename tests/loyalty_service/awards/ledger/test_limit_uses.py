"""Awards of another day and reversals use up no limit."""

import pytest

from loyalty_service.domain.limits import Limits
from tests.loyalty_service.ledgers import Book
from tests.statements import execute


@pytest.fixture
def book(sqlite_book: Book) -> Book:
    return sqlite_book


@pytest.mark.parametrize("name", ["per_member_day", "per_merchant_day", "per_agent_day"])
async def test_awards_of_the_day_before_use_up_no_limit(book: Book, name: str) -> None:
    limits = Limits(**{"per_ticket": 0, name: 100})
    await book.give(100, limits=limits)
    await execute(book.database, "UPDATE awards SET day = '2026-01-01'")
    assert (await book.open(100, limits=limits)).is_ours


async def test_reversal_uses_up_no_limit_of_deductions(book: Book) -> None:
    """A reversal of an award takes points away, too."""
    await book.take_back(await book.give(100))
    limits = Limits(per_deduction=100, per_ticket=0, per_member_day=100)
    assert (await book.open(100, limits=limits, is_debit=True)).is_ours
