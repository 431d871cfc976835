"""Values that leave the process."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Seal:
    """AES-256-GCM. `about` is not hidden, and belongs to the value: under another it does not open.

    A snapshot names a person and holds codes of coupons, which are money: who can read the store, or a dump of it, is
    not to have them, and who can write to it is not to make them up.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, value: bytes, about: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, about)

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """None where it was not sealed so."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            return None
