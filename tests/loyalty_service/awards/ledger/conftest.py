"""The ledger's statements run on both engines."""

import pytest

from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.ledgers import Book


@pytest.fixture
def database_url(each_database_url: str) -> str:
    return each_database_url


@pytest.fixture
def book(each_open: KeptDatabase) -> Book:
    return Book(each_open.database)


@pytest.fixture
def sqlite_book(open_sqlite: KeptDatabase) -> Book:
    """A book for behaviour that is the same on both engines."""
    return Book(open_sqlite.database)
