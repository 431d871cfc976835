"""Parses a database's URL, in the same way for both processes: engine, place and driver arguments.

`sqlite:///path`: `%` and two hex digits stand for a byte of the path, any other `%` stands for itself; `?` is written
`%3F`. `postgresql://` or `postgres://`: as libpq reads it. After the `?` come libpq's parameters, the driver's
arguments, and settings of the server, which checks their names itself.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, quote, unquote, unquote_to_bytes, urlencode, urlsplit

import msgspec

DATABASE_URL_FORM = "sqlite:///path or postgresql://user:password@host/name"
_SQLITE = "sqlite:///"
_MAX_PORT = 65_535
# Arguments of the driver: times in seconds, by their names in a URL, and whole numbers.
_SECONDS = {"timeout": "timeout", "connect_timeout": "timeout", "command_timeout": "command_timeout"}
_COUNTS = frozenset({"statement_cache_size", "max_cached_statement_lifetime", "max_cacheable_statement_size"})
_ARGUMENTS = _COUNTS | _SECONDS.keys()


class DatabaseUrlError(ValueError):
    """The message completes "SETTING …" in one line. Of the URL it contains only names of parameters."""


class SqliteUrl(msgspec.Struct, frozen=True):
    path: str


class PostgresqlUrl(msgspec.Struct, frozen=True):
    """`dsn` may contain a password. `arguments`: the driver's. `place`: the server, for people."""

    dsn: str
    arguments: Mapping[str, float]
    place: str

    def __repr__(self) -> str:
        return f"PostgresqlUrl(place={self.place!r})"

    def hide_passwords(self, text: str) -> str:
        """Return `text` as one line, without the URL's passwords."""
        parts = urlsplit(self.dsn)
        in_front = parts.netloc.rpartition("@")[0].partition(":")[2]
        in_query = (value for name, value in parse_qsl(parts.query) if "password" in name)
        for password in filter(None, {in_front, unquote(in_front), *in_query}):
            text = text.replace(password, "***")
        return " ".join(text.split())


DatabaseUrl: TypeAlias = SqliteUrl | PostgresqlUrl


def parse_database_url(text: str) -> DatabaseUrl:
    """Raises DatabaseUrlError."""
    if text.startswith(_SQLITE):
        return _parse_sqlite(text.removeprefix(_SQLITE))
    try:
        parts = urlsplit(text)
    except ValueError:
        raise DatabaseUrlError(f"must be {DATABASE_URL_FORM}") from None
    if parts.scheme in {"postgresql", "postgres"} and "://" in text:
        return _parse_postgresql(parts)
    raise DatabaseUrlError(f"must be {DATABASE_URL_FORM}")


def make_sqlite_url(path: Path) -> str:
    """Make the URL of any path."""
    return _SQLITE + quote(os.fsencode(path))


def _parse_sqlite(spelled: str) -> SqliteUrl:
    if "?" in spelled:
        raise DatabaseUrlError("has parameters, and SQLite takes none: a ? in the path is written %3F")
    path = os.fsdecode(unquote_to_bytes(os.fsencode(spelled)))
    if path in {"", ":memory:"} or "\x00" in path:
        raise DatabaseUrlError("must name a file: sqlite:///relative/path or sqlite:////absolute/path")
    return SqliteUrl(path)


def _parse_postgresql(parts: SplitResult) -> PostgresqlUrl:
    users, _, hosts = parts.netloc.rpartition("@")
    if parts.fragment or "@" in users + parts.path or not all(map(_has_readable_port, hosts.split(","))):
        raise DatabaseUrlError("cannot be read: in user and password, each of @ : / ? # % must be percent-encoded")
    try:
        pairs = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise DatabaseUrlError("cannot be read: name=value pairs, separated by &, must follow its ?") from None
    arguments = {_SECONDS.get(name, name): _read_argument(name, pairs.pop(name)) for name in _ARGUMENTS & pairs.keys()}
    first_host = hosts or pairs.get("host", "")
    return PostgresqlUrl(
        dsn=f"postgresql://{parts.netloc}{parts.path}" + (f"?{urlencode(pairs)}" if pairs else ""),
        arguments=arguments,
        place=unquote(first_host) if first_host.strip("/") and not first_host.startswith("/") else "its socket",
    )


def _has_readable_port(host: str) -> bool:
    """Whether `host`, `host:port` or `[v6]:port` has a valid port."""
    port = host.rpartition("]")[2].partition(":")[2]
    return not port or (port.isascii() and port.isdecimal() and 0 < int(port) <= _MAX_PORT)


def _read_argument(name: str, text: str) -> float:
    is_number = text.isascii() and text.replace(".", "", name in _SECONDS).isdecimal()
    if name in _SECONDS:
        if not is_number or float(text) == 0:
            raise DatabaseUrlError(f"has a {name} that is not a number of seconds above 0")
        return float(text)
    if not is_number:
        raise DatabaseUrlError(f"has a {name} that is not a whole number")
    return int(text)
