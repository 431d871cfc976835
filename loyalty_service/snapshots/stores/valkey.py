"""Entries on the Valkey or Redis server that a fleet shares."""

import asyncio
import contextlib
import re
from typing import Any

import msgspec
from aiocache import RedisCache
from redis.asyncio import Redis

from loyalty_service.domain.errors import SnapshotsUnavailableError
from loyalty_service.domain.ports import Clock
from loyalty_service.snapshots.entries import FORM, Alias, Content, EncryptedSerializer, Entry, Nobody, get_kind
from loyalty_service.snapshots.stores.protocol import Lookup
from loyalty_service.snapshots.stores.scripts import SERVER_CLOCK, Scripts
from loyalty_service.valkey import VALKEY_ERRORS, Valkey, ValkeyDownError
from runtime.encryption import derive

_NAMESPACE = f"loyalty:snapshots:{FORM}"
_MERCHANT = f"{_NAMESPACE}:merchant:"
# Longer than any read of the provider: a read that began before the invalidation may be put until then.
_INVALIDATED_KEPT_MS = 120_000
_VALUE = re.compile(rb"([a-z]+):(\d+):(\d+):\w*:(.*)", re.DOTALL)


class SharedStore(msgspec.Struct, frozen=True, kw_only=True):
    """The server of a fleet, and the secret for keys and values. A test may set the clock, in Lua."""

    valkey: Valkey
    secret: bytes
    server_clock: str = SERVER_CLOCK


class ValkeyStore:
    """Implements Store on one server. A cluster does not work: a script reads keys that it finds in a value.

    A value is an unencrypted head, which the scripts read, and the encrypted entry. The head is
    `kind:began_us:valid_from_us:member_key:` with the kind `member`, `alias`, `nobody` or `none`; only an alias has a
    member's key. Each merchant has a hash with two times. A read that began before `floor` is not held: that is when
    the hash was made, so an emptied server accepts no earlier read. Nobody entries count only if they began at or after
    `nobody`.
    """

    def __init__(self, shared: SharedStore, clock: Clock) -> None:
        self._valkey = shared.valkey
        self._clock = clock
        serializer = EncryptedSerializer(derive(shared.secret, "snapshots.values"))
        self._cache = RedisCache(serializer=serializer, namespace=_NAMESPACE, timeout=None)
        self._cache.client = shared.valkey.client
        self._scripts = Scripts(shared.server_clock)
        # Merchants with an invalidation that did not reach the server: all their entries will be dropped.
        self._untold: set[str] = set()
        self._telling = asyncio.Lock()
        shared.valkey.on_up(self._tell)

    async def close(self) -> None:
        """Try once more to drop what could not be dropped."""
        with contextlib.suppress(*VALKEY_ERRORS):
            await self._tell()

    async def begin(self, merchant_key: str) -> int:
        return int(await self._run(self._scripts.begin, [_MERCHANT + merchant_key]))

    async def get(self, key: str, merchant_key: str) -> Lookup:
        asked_s = self._clock.monotonic()
        keys = [self._cache.build_key(key), _MERCHANT + merchant_key]
        now_us, floor, nobody, value, member_value = await self._run(self._scripts.get, keys, self._cache.build_key(""))
        entry = self._parse(key, value, floor)
        if entry is not None and isinstance(entry.content, Nobody) and entry.began_us < int(nobody):
            entry = None
        member = None
        if entry is not None and isinstance(entry.content, Alias):
            member = self._parse(entry.content.member_key, member_value, floor)
        return Lookup(asked_s=asked_s, now_us=now_us, entry=entry, member=member)

    async def put(self, key: str, merchant_key: str, content: Content, *, began_us: int, keep_s: float) -> bool:
        entry = Entry(key=key, began_us=began_us, valid_from_us=0, content=content)
        member_key = content.member_key if isinstance(content, Alias) else ""
        rest = f"{member_key}:".encode() + self._cache.serializer.dumps(entry)
        keys = [self._cache.build_key(key), _MERCHANT + merchant_key]
        keep_ms = max(1, round(keep_s * 1000))  # the server refuses 0
        return bool(await self._run(self._scripts.put, keys, get_kind(content), began_us, rest, keep_ms))

    async def invalidate(self, key: str, merchant_key: str) -> bool:
        keys = [self._cache.build_key(key), _MERCHANT + merchant_key]
        try:
            return bool(await self._run(self._scripts.invalidate, keys, _INVALIDATED_KEPT_MS))
        except (SnapshotsUnavailableError, asyncio.CancelledError):
            self._untold.add(merchant_key)
            raise

    async def _run(self, script: bytes, keys: list[str], *arguments: str | bytes | int) -> Any:  # noqa: ANN401 - the script's result
        async def call(_client: Redis) -> object:
            await self._tell()
            return await self._cache.raw("eval", script, len(keys), *keys, *arguments)

        try:
            return await self._valkey.run(call)
        except ValkeyDownError as error:
            raise SnapshotsUnavailableError from error

    async def _tell(self) -> None:
        """Drop all entries of the merchants.

        Each is removed from the set first, so that one that is added meanwhile is repeated.
        """
        async with self._telling:
            while self._untold:
                merchant_key = self._untold.pop()
                try:
                    await self._valkey.client.unlink(_MERCHANT + merchant_key)
                except BaseException:
                    self._untold.add(merchant_key)
                    raise

    def _parse(self, key: str, value: bytes | None, floor: bytes | None) -> Entry | None:
        """Parse a value; None if it is outdated, or was not put under this key."""
        if value is None or floor is None or (match := _VALUE.fullmatch(value)) is None:
            return None
        kind, began_us, valid_from_us, encrypted = match[1], int(match[2]), int(match[3]), match[4]
        if kind == b"none":
            return Entry(key=key, began_us=0, valid_from_us=valid_from_us, content=None)
        entry: Entry | None = self._cache.serializer.loads(encrypted)
        if entry is None or (entry.key, entry.began_us) != (key, began_us) or began_us < int(floor):
            return None
        return msgspec.structs.replace(entry, valid_from_us=valid_from_us)
