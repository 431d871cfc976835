"""A database's URL: the meaning of each part, and that errors never show its secrets."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.database_url import (
    DatabaseUrlError,
    PostgresqlUrl,
    SqliteUrl,
    make_sqlite_url,
    parse_database_url,
)

PATHS = st.binary(min_size=1, max_size=40).filter(lambda path: b"\x00" not in path and path != b":memory:")


@given(PATHS)
def test_url_of_any_path_is_read_as_that_path(path: bytes) -> None:
    text = os.fsdecode(path)

    url = make_sqlite_url(Path(text))

    assert parse_database_url(url) == SqliteUrl(str(Path(text)))
    assert url.isascii()


@pytest.mark.parametrize(
    ("spelled", "path"),
    [
        ("sqlite:///var/loyalty.db", "var/loyalty.db"),
        ("sqlite:////var/loyalty.db", "/var/loyalty.db"),
        ("sqlite:////var/50%/100%of it.db", "/var/50%/100%of it.db"),
        ("sqlite:////var/50%25/a%20b%3F#c.db", "/var/50%/a b?#c.db"),
        ("sqlite:////var/Zoë/kept.db", "/var/Zoë/kept.db"),
    ],
)
def test_path_is_decoded_and_a_plain_percent_stands_for_itself(spelled: str, path: str) -> None:
    assert parse_database_url(spelled) == SqliteUrl(path)


def test_file_is_made_where_the_path_says(tmp_path: Path) -> None:
    """The path that is compared as text above is also a valid file name."""
    path = tmp_path / "50% of ?a&b#c=d é.db"

    opened = parse_database_url(make_sqlite_url(path))

    assert isinstance(opened, SqliteUrl)
    with closing(sqlite3.connect(opened.path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    assert path.exists()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "POSTGRES"])
def test_our_arguments_are_removed_and_the_driver_gets_the_others(scheme: str) -> None:
    parameters = "sslmode=require&statement_cache_size=0&application_name=a%26b&command_timeout=2.5&connect_timeout=3"

    url = parse_database_url(f"{scheme}://user:p%40ss@[::1]:5433,db.example:5434/name?{parameters}")

    assert url == PostgresqlUrl(
        dsn="postgresql://user:p%40ss@[::1]:5433,db.example:5434/name?sslmode=require&application_name=a%26b",
        arguments={"statement_cache_size": 0, "command_timeout": 2.5, "timeout": 3.0},
        place="[::1]:5433,db.example:5434",
    )


def test_hosts_may_stand_in_the_query() -> None:
    """Newer Pythons cannot read an IPv6 address that follows another host before the path."""
    url = parse_database_url("postgresql://user@/name?host=db.example:5433,[::1]:5434")

    assert url == PostgresqlUrl(
        dsn="postgresql://user@/name?host=db.example%3A5433%2C%5B%3A%3A1%5D%3A5434",
        arguments={},
        place="db.example:5433,[::1]:5434",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3cret",
        "mysql://user:s3cret@host/name",
        "postgresql:s3cret",
        "postgresql+asyncpg://user:s3cret@host/name",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///%00s3cret.db",
        "sqlite:///s3cret.db?mode=ro",
        "postgresql://user:s3@cret@host/name",
        "postgresql://user:s3/cret@host/name",
        "postgresql://user:12/s3cret@host/name",
        "postgresql://user:s3#cret@host/name",
        "postgresql://user:s3?cret@host/name",
        "postgresql://user:s3cret@host:port/name",
        "postgresql://user:s3cret@host:70000/name",
        "postgresql://user:s3cret@[host/name",
        "postgresql://user:s3cret@host/name?sslmode",
        "postgresql://user:s3cret@host/name?statement_cache_size=none",
        "postgresql://user:s3cret@host/name?statement_cache_size=-1",
        "postgresql://user:s3cret@host/name?statement_cache_size=1.5",
        "postgresql://user:s3cret@host/name?command_timeout=0",
        "postgresql://user:s3cret@host/name?command_timeout=1e3",
        "postgresql://user:s3cret@host/name?timeout=inf",
        "postgresql://user:s3cret@host/name?connect_timeout=",
    ],
)
def test_url_that_cannot_be_read_is_one_sentence_without_its_secrets(text: str) -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        parse_database_url(text)

    assert "\n" not in str(caught.value)
    for secret in ("s3", "cret"):
        assert secret not in str(caught.value)


# Letters, marks, numbers, punctuation and symbols: all printable characters but the space.
@given(st.text(st.characters(categories=["L", "M", "N", "P", "S"]), min_size=6, max_size=20))
def test_password_is_hidden_in_any_encoding(password: str) -> None:
    spelled = quote(password, safe="")
    for dsn in (f"postgresql://user:{spelled}@host/name", f"postgresql://host/name?password={spelled}"):
        url = parse_database_url(dsn)
        assert isinstance(url, PostgresqlUrl)
        assert url.hide_passwords(f"Said:\n  {password}.") == "Said: ***."
        assert password not in repr(url)
