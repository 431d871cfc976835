"""An aiocache cache on a Valkey or Redis server, with sealed values."""

from typing import Any

import msgspec
from aiocache.base import BaseCache
from redis.asyncio import Redis

from loyalty_service.snapshots.entries import FORM, AliasEntry, Entry, EntrySerializer, MemberEntry, NobodyEntry
from loyalty_service.snapshots.sealing import Seal

NAMESPACE = f"loyalty:entry:{FORM}:"
_KINDS = {MemberEntry: b"m", AliasEntry: b"a", NobodyEntry: b"n"}
_HEAD_BYTES = 17
_SINCE_BYTES = 16
_MEMBER_KEY_BYTES = 32


class ValkeyCache(BaseCache):  # type: ignore[misc]  # aiocache publishes no types
    """Entries as `snapshots.scripts` describes them. A value that does not open, or does not decode, is a miss.

    aiocache's own cache of Redis can neither seal a value for its key nor run a script.
    """

    NAME = "valkey"

    def __init__(self, valkey: Redis, seal: Seal) -> None:
        super().__init__(serializer=EntrySerializer(), namespace=NAMESPACE, timeout=None)
        self._valkey = valkey
        self._seal = seal

    def encode(self, key: str, entry: Entry) -> bytes:
        head = _KINDS[type(entry)] + b"%016d" % to_micros(entry.begin_s)
        if isinstance(entry, AliasEntry):
            head += entry.member_key.encode()
        sealed = self._seal.close(self.serializer.dumps(entry), key.encode() + head)
        if isinstance(entry, MemberEntry):
            head += b"%016d" % to_micros(entry.since_s)  # not sealed: the server may lower it
        return head + sealed

    def decode(self, key: str, value: bytes | None) -> Entry | None:
        if not value:
            return None
        head, rest, since = value[:_HEAD_BYTES], value[_HEAD_BYTES:], b""
        if head.startswith(b"m"):
            since, rest = rest[:_SINCE_BYTES], rest[_SINCE_BYTES:]
        elif head.startswith(b"a"):
            head, rest = value[: _HEAD_BYTES + _MEMBER_KEY_BYTES], rest[_MEMBER_KEY_BYTES:]
        entry: Entry | None = self.serializer.loads(self._seal.open(rest, key.encode() + head))
        if isinstance(entry, MemberEntry) and since.isdigit():
            return msgspec.structs.replace(entry, since_s=to_seconds(int(since)))
        return entry

    async def get(self, key: str, default: object = None, **_options: object) -> Any:  # noqa: ANN401 - what was set
        value = self.decode(key, await self._get(self.build_key(key)))
        return default if value is None else value

    async def _get(self, key: str, encoding: str | None = None, _conn: object = None) -> Any:  # noqa: ANN401, ARG002 - its
        return await self._valkey.get(key)

    async def _delete(self, key: str, _conn: object = None) -> int:
        return int(await self._valkey.unlink(key))


def to_micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def to_seconds(micros: int) -> float:
    return micros / 1_000_000
