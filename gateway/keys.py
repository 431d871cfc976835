"""The gateway's secret keys: what is kept at rest is encrypted with them, every other key is derived from them."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.config import ConfigError

DERIVED_BYTES = 32


class SecretKeyError(ValueError):
    """What is stored was encrypted with a key that is not among the secret keys."""


class SecretKeys:
    """Fernet keys, newest first: the first encrypts, all decrypt.

    Raises ConfigError when there is none or one is malformed; the message holds no key.
    """

    def __init__(self, fernet_keys: Sequence[str]) -> None:
        if not fernet_keys:
            raise ConfigError("GATEWAY_SECRET_KEYS holds no key: make one with Fernet.generate_key()")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in fernet_keys])
        except ValueError:
            raise ConfigError("GATEWAY_SECRET_KEYS: each key must be 32 bytes in URL-safe base64") from None
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
            raise SecretKeyError(
                "GATEWAY_SECRET_KEYS does not hold the key that stored secrets were encrypted with: add it again, last"
            ) from None

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """One key of 32 bytes per secret key, newest first; the same for the same purpose, unrelated to any other."""
        return tuple(
            HKDF(algorithm=SHA256(), length=DERIVED_BYTES, salt=None, info=purpose.encode()).derive(key)
            for key in self._keys
        )
