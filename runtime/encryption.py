"""A process's secret keys: they encrypt stored data, and all other keys are derived from them."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DERIVED_BYTES = 32


class SecretKeyError(ValueError):
    """Stored data was encrypted with a key that is not among the secret keys. Completes "SETTING …"."""

    def __init__(self) -> None:
        super().__init__("lacks the key that stored secrets were encrypted with: add that key again at the end")


class SecretKeys:
    """Fernet keys, newest first: the first encrypts, all decrypt.

    To rotate, add a new key in front and keep the old ones.
    """

    def __init__(self, fernet_keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in fernet_keys])
        self._keys = tuple(key.encode("ascii") for key in fernet_keys)

    def __repr__(self) -> str:
        """Leaves out the keys, so that no log shows them."""
        return f"SecretKeys({len(self._keys)} keys)"

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def decrypt(self, token: str) -> str:
        """Raises SecretKeyError if none of the keys has encrypted the text."""
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            raise SecretKeyError from None

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """Derive one key from each secret key, newest first. Each purpose has its own keys."""
        return tuple(derive(key, purpose) for key in self._keys)


def derive(secret: bytes, purpose: str) -> bytes:
    """Derive a key for one purpose: 32 bytes (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=DERIVED_BYTES, salt=None, info=purpose.encode()).derive(secret)
