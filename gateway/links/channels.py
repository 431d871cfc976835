"""Keyed hashes of a linked customer's channels: a merged customer is recognised by them, and nobody is named."""

import hashlib
from collections.abc import Iterable

from gateway.gorgias.customers import Channel
from runtime.addresses import make_email_key
from runtime.encryption import SecretKeys
from runtime.phones import make_phone_key, parse_phone

_PURPOSE = "channel of a linked customer"
_HASH_BYTES = 16
_EMAIL, _PHONE = "email", "phone"


class ChannelHashes:
    """The same channel has different hashes in two shops."""

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = keys.derive(_PURPOSE)

    def make(self, merchant_id: str, channels: Iterable[Channel]) -> set[str]:
        """The hashes to keep, by the newest key."""
        return {_hash(self._keys[0], merchant_id, channel) for channel in channels}

    def list_all(self, merchant_id: str, channels: Iterable[Channel]) -> set[str]:
        """The hashes that may be kept of these channels, by any key."""
        return {_hash(key, merchant_id, channel) for channel in channels for key in self._keys}


def _hash(key: bytes, merchant_id: str, channel: Channel) -> str:
    text = "\x1f".join((merchant_id, channel[0], _make_key(*channel)))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=_HASH_BYTES).hexdigest()


def _make_key(kind: str, address: str) -> str:
    """Equal for two spellings of one address. A number that is dialled in a country only is compared as written."""
    if kind == _EMAIL:
        return make_email_key(address)
    number = parse_phone(address) if kind == _PHONE else None
    return make_phone_key(number) if number else address
