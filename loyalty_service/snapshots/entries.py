"""What is held under a key, and how it is written."""

import hashlib
from datetime import datetime

import msgspec
from aiocache.serializers import BaseSerializer

from loyalty_service.domain.member import Identity
from loyalty_service.domain.snapshot import Snapshot

# Of how entries are written: field after field, without names. Releases that run beside each other must not misread
# each other's: who changes the fields of anything that is held raises it.
FORM = 4
_DIGEST_BYTES = 8


class MemberEntry(msgspec.Struct, frozen=True, kw_only=True, tag="member", array_like=True):
    """A member's state, read from `begin_s` on (the store's time).

    `since_s`: the oldest beginning among the reads put here since the member was last invalidated. What was learnt
    before it, such as whose e-mail this is, is no longer held, only remembered.
    """

    begin_s: float
    since_s: float
    snapshot: Snapshot


class AliasEntry(msgspec.Struct, frozen=True, kw_only=True, tag="alias", array_like=True):
    """Whom an e-mail, a phone number or a support ID named; `member_key`: under which they are held."""

    begin_s: float
    member_key: str
    member_id: str


class NobodyEntry(msgspec.Struct, frozen=True, kw_only=True, tag="nobody", array_like=True):
    """An identity that named no member (`member_count` 0), or several. `asked`: digests of how it was spelled then."""

    begin_s: float
    member_count: int
    fetch_time: datetime
    asked: tuple[bytes, ...]

    def answers(self, spelling: str) -> bool:
        """That nobody has one spelling does not say that nobody has another: a provider may tell them apart."""
        return self.member_count > 0 or _digest(spelling) in self.asked


def make_nobody(identity: Identity, begin_s: float, member_count: int, fetch_time: datetime) -> NobodyEntry:
    asked = tuple(map(_digest, identity.list_spellings()))
    return NobodyEntry(begin_s=begin_s, member_count=member_count, fetch_time=fetch_time, asked=asked)


def _digest(spelling: str) -> bytes:
    return hashlib.blake2b(spelling.encode(), digest_size=_DIGEST_BYTES).digest()


Entry = MemberEntry | AliasEntry | NobodyEntry


class EntrySerializer(BaseSerializer):  # type: ignore[misc]  # aiocache publishes no types
    """MessagePack. What does not decode, say a form of an older release, is a miss."""

    DEFAULT_ENCODING = None

    def __init__(self) -> None:
        super().__init__()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)

    def dumps(self, value: Entry) -> bytes:
        return self._encoder.encode(value)

    def loads(self, value: bytes | memoryview | None) -> Entry | None:
        if value is None:
            return None
        try:
            return self._decoder.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
