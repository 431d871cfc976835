"""The entries that are held under keys, and their written form."""

import hashlib
import os
from datetime import datetime
from typing import cast

import msgspec
from aiocache.serializers import BaseSerializer
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from loyalty_service.domain.errors import MemberAmbiguousError, MemberNotFoundError
from loyalty_service.domain.member import Identity
from loyalty_service.domain.snapshot import Snapshot

# The version of the written form. Fields are written without their names, and two releases may share a store: raise
# this number with every change of a held field.
FORM = 4
_DIGEST_BYTES = 8
_NONCE_BYTES = 12


class HeldMember(msgspec.Struct, frozen=True, tag="member", array_like=True):
    snapshot: Snapshot


class Alias(msgspec.Struct, frozen=True, kw_only=True, tag="alias", array_like=True):
    """The member that an e-mail, a phone number or a support ID named."""

    member_key: str
    member_id: str


class Nobody(msgspec.Struct, frozen=True, kw_only=True, tag="nobody", array_like=True):
    """An identity that named no member or several: `support_ids` by the members' ids, as in MemberAmbiguousError.

    `asked`: digests of the spellings in requests.
    """

    support_ids: dict[str, str]
    fetch_time: datetime
    asked: tuple[bytes, ...]

    def answers(self, spelling: str) -> bool:
        """Whether this spelling was asked for: a provider may distinguish spellings that are equal to us."""
        return bool(self.support_ids) or _digest(spelling) in self.asked

    def make_error(self) -> MemberNotFoundError | MemberAmbiguousError:
        if self.support_ids:
            return MemberAmbiguousError(self.support_ids, self.fetch_time)
        return MemberNotFoundError(self.fetch_time)


def make_nobody(identity: Identity, error: MemberNotFoundError | MemberAmbiguousError) -> Nobody:
    support_ids = dict(error.support_ids) if isinstance(error, MemberAmbiguousError) else {}
    asked = tuple(map(_digest, identity.list_spellings()))
    return Nobody(support_ids=support_ids, fetch_time=error.fetch_time, asked=asked)


def _digest(spelling: str) -> bytes:
    return hashlib.blake2b(spelling.encode(), digest_size=_DIGEST_BYTES).digest()


Content = HeldMember | Alias | Nobody


def get_kind(content: Content) -> str:
    return cast("str", content.__struct_config__.tag)


class Entry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Times are microseconds on the store's clock. `began_us`: when the read of the provider began.

    `valid_from_us`: a read that began before this time is outdated. It is the time of the last invalidation, or the
    beginning of the first read under the key. `content` is None from an invalidation to the next put.
    """

    key: str
    began_us: int
    valid_from_us: int
    content: Content | None


class EntrySerializer(BaseSerializer):  # type: ignore[misc]  # aiocache publishes no types
    """MessagePack. A value that cannot be decoded, for example an older release's, is a miss."""

    DEFAULT_ENCODING = None

    def __init__(self) -> None:
        super().__init__()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)

    def dumps(self, value: Entry) -> bytes:
        return self._encoder.encode(value)

    def loads(self, value: bytes | None) -> Entry | None:
        if value is None:
            return None
        try:
            return self._decoder.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


class EncryptedSerializer(EntrySerializer):
    """AES-256-GCM for values that leave the process. A modified value is a miss.

    A snapshot names a person and contains coupon codes, which are money. Readers of the store must not see them, and
    writers must not forge them.
    """

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._cipher = AESGCM(key)

    def dumps(self, value: Entry) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, super().dumps(value), None)

    def loads(self, value: bytes | None) -> Entry | None:
        if value is None:
            return None
        try:
            return super().loads(self._cipher.decrypt(value[:_NONCE_BYTES], value[_NONCE_BYTES:], None))
        except (InvalidTag, ValueError):
            return None
