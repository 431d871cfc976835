"""The table of ticket events: bounded, without a member's name."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    or_,
    select,
)

from gateway.events.event import Event
from gateway.events.sights import SightStore
from gateway.installation.store import INSTALLATIONS
from runtime.database import Database
from runtime.encryption import SecretKeys

KEPT = timedelta(days=7)
# How many events of one shop are kept.
MOST = 10_000
_PURPOSE = "member of a ticket event"
_HASH_BYTES = 16

# Few columns, and only types whose values need no conversion: a busy gateway writes hundreds of rows at once.
EVENTS = Table(
    "ticket_events",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("merchant_id", String),
    Column("time_ms", BigInteger),
    Column("ticket_id", BigInteger),
    Column("customer_id", BigInteger),
    Column("member_hash", String),
    Column("event", Text),
)
_row = EVENTS.c
_ADD = insert(EVENTS)
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Event)


class EventStore:
    """Every method raises DatabaseError if the database does not answer. `sights`: what the events show of Gorgias."""

    def __init__(
        self, database: Database, keys: SecretKeys, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self.sights = SightStore(database)
        self._hash_keys = keys.derive(_PURPOSE)
        self._now = now

    async def add(self, events: Sequence[Event]) -> None:
        """Add the events of shops that are installed."""
        rows = [self._render(event) for event in events]
        merchant_ids = {event.merchant_id for event in events}
        # The lock: a shop that is being uninstalled leaves no event behind.
        query = select(INSTALLATIONS.c.merchant_id).where(INSTALLATIONS.c.merchant_id.in_(merchant_ids))
        query = query.with_for_update(read=True, key_share=True)

        def add(connection: Connection) -> None:
            installed = set(connection.scalars(query))
            if kept := [row for row in rows if row["merchant_id"] in installed]:
                connection.execute(_ADD, kept)

        await self._database.write(add)

    async def list_newest(
        self, merchant_id: str, *, ticket_id: int | None = None, customer_id: int | None = None, limit: int
    ) -> list[Event]:
        """List a shop's newest events, newest first: all, or those of a ticket or a customer."""
        query = select(_row.event).where(_row.merchant_id == merchant_id, _row.time_ms >= self._find_oldest_ms())
        if ticket_id is not None:
            query = query.where(_row.ticket_id == ticket_id)
        if customer_id is not None:
            query = query.where(_row.customer_id == customer_id)
        query = query.order_by(_row.time_ms.desc(), _row.id.desc()).limit(limit)
        found = await self._database.read(lambda connection: connection.scalars(query).all())
        return [_DECODER.decode(event) for event in found]

    async def list_times(self, merchant_id: str, ticket_ids: Collection[int]) -> list[tuple[int, int]]:
        """List the events of some tickets: the ticket, and the time in ms."""
        query = select(_row.ticket_id, _row.time_ms).where(
            _row.merchant_id == merchant_id, _row.ticket_id.in_(ticket_ids)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(ticket_id, time_ms) for ticket_id, time_ms in rows]

    async def forget_member(self, merchant_id: str, member_id: str) -> int:
        """Delete the events that found this member, and all of the same Gorgias customers. Returns how many."""
        of_shop = _row.merchant_id == merchant_id
        found_them = _row.member_hash.in_([_hash(key, merchant_id, member_id) for key in self._hash_keys])

        def forget(connection: Connection) -> int:
            # Read first: SQLite may delete a row before it looks for the customers in a subquery.
            found = set(connection.scalars(select(_row.customer_id).where(of_shop, found_them)))
            theirs = or_(found_them, _row.customer_id.in_(found - {None}))
            return connection.execute(delete(EVENTS).where(of_shop, theirs)).rowcount

        return await self._database.write(forget)

    async def trim(self, merchant_id: str) -> None:
        """Delete all but a shop's newest 10,000 events."""
        ours = _row.merchant_id == merchant_id
        newest_to_go = select(_row.id).where(ours).order_by(_row.id.desc()).offset(MOST).limit(1)
        query = delete(EVENTS).where(ours, _row.id <= newest_to_go.scalar_subquery())
        await self._database.write(lambda connection: connection.execute(query))

    async def expire(self) -> None:
        """Delete all events that are older than 7 days."""
        query = delete(EVENTS).where(_row.time_ms < self._find_oldest_ms())
        await self._database.write(lambda connection: connection.execute(query))

    def _render(self, event: Event) -> dict[str, Any]:
        member_id, event.member_id = event.member_id, ""  # of the member, only the hash is kept
        text = _ENCODER.encode(event).decode()
        event.member_id = member_id
        return {
            "merchant_id": event.merchant_id,
            "time_ms": event.time_ms,
            "ticket_id": event.ticket_id,
            "customer_id": event.customer_id,
            "member_hash": _hash(self._hash_keys[0], event.merchant_id, member_id) if member_id else None,
            "event": text,
        }

    def _find_oldest_ms(self) -> int:
        return round((self._now() - KEPT).timestamp() * 1000)


def _hash(key: bytes, merchant_id: str, member_id: str) -> str:
    text = f"{merchant_id}/{member_id}".encode()
    return hashlib.blake2b(text, key=key, digest_size=_HASH_BYTES).hexdigest()
