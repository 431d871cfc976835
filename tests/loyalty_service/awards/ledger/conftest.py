"""The ledger's statements are tried on both engines."""

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
    """For what is the same on either engine."""
    return Book(open_sqlite.database)
