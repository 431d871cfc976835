"""Callers in the database, with the hashes of their keys; all of them are also kept in memory."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, delete, func, select

from loyalty_service.callers.keys import hash_key, is_key, make_key
from loyalty_service.callers.table import callers
from loyalty_service.domain.caller import Caller, Role
from loyalty_service.domain.caller_errors import CallerExistsError, CallerNotFoundError
from loyalty_service.domain.errors import (
    BadValueError,
    StoreUnavailableError,
)
from loyalty_service.domain.ports import Clock
from runtime.database import Database, DatabaseError
from runtime.shared_tasks import SharedTasks
from runtime.sql import make_insert, now_ms

MAX_CALLERS = 500
# A copy of the table counts for this time. A removed caller is refused after it.
BELIEVED_S = 5.0
# While the database does not answer, an older copy still counts for this time, for reads only.
OUTAGE_S = 600.0
# A read of the table that takes longer is taken for an outage: calls that may use the older copy wait no longer.
WAIT_S = 1.0
# The pause after a failed read: a flood of calls must not become a flood of queries.
PAUSE_S = 1.0

logger = structlog.get_logger()


class CallerStore:
    """Finds callers in a copy of the table that is at most 5 s old. Own writes show at once.

    However many wrong keys come, the table is read once in 5 s. While the database does not answer, nobody can tell
    whose a key is; a reader may go by an older copy.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._held: dict[bytes, Caller] = {}
        self._read_time_s = float("-inf")  # when the read of `_held` began
        self._begin_time_s = float("-inf")  # when the last read began
        self._failure_time_s = float("-inf")
        self._reads = SharedTasks[None, None]()
        self._writes = 0

    async def find(self, key: str, *, is_reader: bool) -> Caller | None:
        """Find the caller whose key it is; None: it is nobody's. Raises StoreUnavailableError if that is not known.

        `is_reader`: a copy of up to 10 min counts while the database does not answer, since a sidebar needs no
        database. What gives points needs it anyway.
        """
        if not is_key(key):
            return None
        digest = hash_key(key)
        if self._age_s >= BELIEVED_S:
            read = self._reads.join(None, self._begin_read)
            is_known = is_reader and digest in self._held and self._age_s < OUTAGE_S
            await asyncio.wait({read}, timeout=self._left_s if is_known else None)
        age_s, caller = self._age_s, self._held.get(digest)
        if age_s < BELIEVED_S or (is_reader and caller is not None and age_s < OUTAGE_S):
            return caller
        raise StoreUnavailableError

    async def list_all(self) -> list[Caller]:
        """By name."""
        query = select(callers).order_by(callers.c.name)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_load(row) for row in rows]

    async def add(self, name: str, role: Role, merchant_id: str) -> tuple[Caller, str]:
        """Add a caller; returns it with its key, which is not kept. Raises BadValueError, CallerExistsError."""
        key = make_key()
        digest = hash_key(key)
        values = {"name": name, "role": role.name.lower(), "merchant_id": merchant_id, "key_sha256": digest}

        def insert(connection: Connection) -> Row[Any] | None:
            if connection.execute(select(func.count()).select_from(callers)).scalar_one() >= MAX_CALLERS:
                raise BadValueError("caller", f"cannot be added: there are {MAX_CALLERS}, remove one first")
            row = make_insert(connection, callers).values(values | {"create_time_ms": now_ms()})
            return connection.execute(row.on_conflict_do_nothing(index_elements=["name"]).returning(*callers.c)).first()

        added = await self._database.write(insert)
        if added is None:
            raise CallerExistsError(name)
        caller = _load(added)
        self._writes += 1
        self._held[digest] = caller
        logger.info("caller_added", name=name, role=values["role"], of_merchant_id=merchant_id or None)
        return caller, key

    async def remove(self, name: str) -> None:
        """Raises CallerNotFoundError."""
        query = delete(callers).where(callers.c.name == name)
        removed_count = await self._database.write(lambda connection: connection.execute(query).rowcount)
        self._writes += 1
        self._held = {digest: caller for digest, caller in self._held.items() if caller.name != name}
        if removed_count == 0:
            raise CallerNotFoundError
        logger.info("caller_removed", name=name)

    @property
    def _age_s(self) -> float:
        return self._clock.monotonic() - self._read_time_s

    @property
    def _left_s(self) -> float:
        """How much longer a known reader waits for the read that runs."""
        return max(0.0, WAIT_S - (self._clock.monotonic() - self._begin_time_s))

    def _begin_read(self) -> Coroutine[Any, Any, None]:
        self._begin_time_s = self._clock.monotonic()
        return self._read()

    async def _read(self) -> None:
        """Read the table, unless that has just failed."""
        if self._clock.monotonic() - self._failure_time_s < PAUSE_S:
            return
        try:
            writes = -1
            while writes != self._writes:  # a write of ours during the read may be missing in it
                began_s, writes = self._clock.monotonic(), self._writes
                rows = await self._database.read(lambda connection: connection.execute(select(callers)).all())
        except DatabaseError:
            self._failure_time_s = self._clock.monotonic()
            logger.warning("callers_not_read")
            return
        self._held, self._read_time_s = {bytes(row.key_sha256): _load(row) for row in rows}, began_s


def _load(row: Row[Any]) -> Caller:
    return Caller(
        name=row.name,
        role=Role[row.role.upper()],
        merchant_id=row.merchant_id,
        create_time=datetime.fromtimestamp(row.create_time_ms / 1000, UTC),
    )
