"""Credentials of callers → merchants, held in memory."""

import asyncio
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import msgspec
import structlog

from gateway.installation.store import CREDENTIAL_PREFIX, hash_credential
from runtime.database import DatabaseError
from runtime.shared_tasks import SharedTasks

# A credential is looked up again only after this time.
BELIEVED_S = 5.0
# How long the lookup of a known credential waits for the store. After that the known answer counts.
WAIT_S = 0.25
_CAPACITY = 10_000
_RANDOM = r"[A-Za-z0-9_-]{43}"


class Owners(Protocol):
    """Find the merchant whose credential has this hash. Raises DatabaseError."""

    async def find_merchant_id(self, credential_sha256: bytes, /) -> str | None: ...


class _Held(msgspec.Struct):
    merchant_id: str
    check_time: float


class Credentials:
    """Remembers the credentials that were used recently; looks others up in the store. Use with `async with`.

    An answer counts for 5 s; then the credential is looked up again. While the store is down or does not answer in
    time, the last answer still counts. At most 10,000 are held; the least recently used go first. A text that is not
    `prefix` and 43 characters is never looked up.
    """

    def __init__(
        self, store: Owners, *, prefix: str = CREDENTIAL_PREFIX, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._plausible = re.compile(re.escape(prefix) + _RANDOM)
        self._clock = clock
        self._held: dict[bytes, _Held] = {}
        self._lookups = SharedTasks[bytes, None]()
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._lookups.close()

    async def find(self, credential: str) -> str | None:
        """Find the credential's merchant. Raises DatabaseError for an unknown credential while the store is down."""
        if not self._plausible.fullmatch(credential):
            return None
        digest = hash_credential(credential)
        held = self._held.pop(digest, None)
        if held is None:
            return await self._ask(digest)
        self._held[digest] = held
        if self._clock() - held.check_time >= BELIEVED_S:
            await asyncio.wait({self._lookups.join(digest, lambda: self._look_again(digest))}, timeout=WAIT_S)
        return held.merchant_id if digest in self._held else None

    async def _ask(self, digest: bytes) -> str | None:
        began = self._clock()
        merchant_id = await self._store.find_merchant_id(digest)
        if merchant_id is None:
            self._held.pop(digest, None)
            return None
        self._held[digest] = _Held(merchant_id, began)
        if len(self._held) > _CAPACITY:
            del self._held[next(iter(self._held))]
        return merchant_id

    async def _look_again(self, digest: bytes) -> None:
        try:
            await self._ask(digest)
        except DatabaseError:
            self._log.warning("credential_not_revalidated", reason="the store does not answer")
