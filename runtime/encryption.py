"""A process's secret keys: what is kept at rest is encrypted with them, every other key is derived from them."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DERIVED_BYTES = 32


class SecretKeyError(ValueError):
    """What is stored was encrypted with a key that is not among the secret keys. Completes "SETTING …"."""

    def __init__(self) -> None:
        super().__init__("does not hold the key that stored secrets were encrypted with: add it again, last")


class SecretKeys:
    """Fernet keys, newest first: the first encrypts, all decrypt. So a new key goes in front, and old ones stay."""

    def __init__(self, fernet_keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in fernet_keys])
        self._keys = tuple(key.encode("ascii") for key in fernet_keys)

    def __repr__(self) -> str:
        """Without the keys, so that no log has them."""
        return f"SecretKeys({len(self._keys)} keys)"

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def decrypt(self, token: str) -> str:
        """Raises SecretKeyError for what none of the keys has encrypted."""
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            raise SecretKeyError from None

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """One key per secret key, newest first; the same for the same purpose, unrelated to any other."""
        return tuple(derive(key, purpose) for key in self._keys)


def derive(secret: bytes, purpose: str) -> bytes:
    """A key of its own for one purpose, 32 bytes (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=DERIVED_BYTES, salt=None, info=purpose.encode()).derive(secret)
