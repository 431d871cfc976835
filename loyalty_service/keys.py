"""The service's secret keys: what is encrypted at rest, and what is derived."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DERIVED_KEY_BYTES = 32


class UndecryptableError(Exception):
    """None of the keys decrypts the value: a key was removed too early, or the database is another one's."""


class Keys:
    """The first key encrypts, all decrypt: a rotation puts the new one in front and keeps the old ones for a while."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in secret_keys])
        self._first_key = secret_keys[0]

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """Raises UndecryptableError."""
        try:
            return self._fernet.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            raise UndecryptableError("none of LOYALTY_SECRET_KEYS decrypts a stored value") from None

    def derive(self, purpose: str) -> bytes:
        """A key of its own for one purpose, 32 bytes. It changes when the first key does."""
        return derive(self._first_key.encode(), purpose)


def derive(secret: bytes, purpose: str) -> bytes:
    """A key of its own for one purpose, 32 bytes (HKDF-SHA256)."""
    hkdf = HKDF(algorithm=SHA256(), length=DERIVED_KEY_BYTES, salt=None, info=purpose.encode())
    return hkdf.derive(secret)
