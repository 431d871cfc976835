"""The keys of callers: how they are made, recognised and kept."""

import hashlib
import re
import secrets

# A leaked key is recognised by it.
PREFIX = "tlk_"
_RANDOM_BYTES = 32
_KEY = re.compile(re.escape(PREFIX) + "[A-Za-z0-9_-]{43}")


def make_key() -> str:
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def is_key(text: str) -> bool:
    """Whether it has the form of a key. A text of another form is nobody's."""
    return _KEY.fullmatch(text) is not None


def hash_key(key: str) -> bytes:
    """The hash that is kept of a key. A fast one will do: unlike a password, nobody can guess 256 random bits."""
    return hashlib.sha256(key.encode()).digest()
