"""A customer's link to a member: for a panel from a short memory, for a press from the database."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

import msgspec
from aiohttp import web

from gateway.gorgias.customers import Channel
from gateway.gorgias.whereabouts import CustomerState, Whereabouts
from gateway.links.link import Link, LinkEnd, NewLink
from gateway.links.store import Change, LinkLimit, LinkStore, PutNote

# So short that after a press and the event of its note, each process of a fleet shows the link as it is on record.
_REMEMBER_S = 1.0
# How long a panel waits for the database.
_WAIT_S = 0.25
_CAPACITY = 10_000
# Asks Gorgias what became of a customer. None: it does not say.
FetchWhereabouts = Callable[[int], Awaitable[Whereabouts | None]]

_Key = tuple[str, int]


class _Held(msgspec.Struct, frozen=True):
    link: Link | None
    until: float


class Links:
    """Every method raises DatabaseError if the database does not answer.

    At most 10,000 customers are remembered, and the shops that have no link.
    """

    def __init__(self, store: LinkStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._held: dict[_Key, _Held] = {}
        self._without_links: dict[str, float] = {}

    async def get(self, merchant_id: str, customer_id: int) -> Link | None:
        """Get the customer's link as it is on record now."""
        return await self._store.get(merchant_id, customer_id)

    async def find(self, merchant_id: str, customer_id: int) -> Link | None:
        """Find the customer's link as it was on record at most a second ago. Also raises TimeoutError, after 0.25 s."""
        now = self._clock()
        if now < self._without_links.get(merchant_id, 0.0):
            return None
        held = self._held.get((merchant_id, customer_id))
        if held is not None and now < held.until:
            return held.link
        until = now + _REMEMBER_S
        async with asyncio.timeout(_WAIT_S):
            link, has_links = await self._store.find(merchant_id, customer_id)
        if not has_links:  # as in most shops: one read a second for all of its customers
            self._without_links[merchant_id] = until
            return None
        self._remember((merchant_id, customer_id), _Held(link, until))
        return link

    async def link(self, new: NewLink, now: datetime, limit: LinkLimit, put_note: PutNote) -> Change:
        """As `LinkStore.add`."""
        try:
            return await self._store.add(new, now, limit, put_note)
        finally:
            self._without_links.pop(new.merchant_id, None)
            self._held.pop((new.merchant_id, new.customer_id), None)

    async def unlink(self, merchant_id: str, customer_id: int, link_id: int, end: LinkEnd, put_note: PutNote) -> Change:
        """As `LinkStore.end`."""
        try:
            return await self._store.end(merchant_id, customer_id, link_id, end, put_note)
        finally:
            self._held.pop((merchant_id, customer_id), None)

    async def adopt(  # noqa: PLR0913 - all that tells who the customer is, and whom to ask
        self,
        merchant_id: str,
        customer_id: int,
        channels: Collection[Channel],
        fetch_whereabouts: FetchWhereabouts,
        now: datetime,
        *,
        ticket_id: int | None = None,
    ) -> Link | None:
        """Find the link of a customer who was merged into this one, and move it here. None: there is none.

        `channels`: all channels that Gorgias has of this customer. `ticket_id`: a ticket of theirs; a chat visitor may
        have been linked on it who had no channel. Gorgias is asked about one customer at most. Without
        a clear answer nothing is moved: neither if two links name different members, nor while the other customer is
        still there.
        """
        candidates = await self._store.list_candidates(merchant_id, customer_id, channels, ticket_id)
        if len({one.member_id for one in candidates}) != 1:
            return None
        found = candidates[-1]
        whereabouts = await fetch_whereabouts(found.customer_id)
        if whereabouts is None or not await self._is_merged(found, customer_id, channels, whereabouts):
            return None
        try:
            return await self._store.move(found, customer_id, channels, now)
        finally:
            self._held.pop((merchant_id, customer_id), None)

    async def _is_merged(
        self, link: Link, customer_id: int, channels: Collection[Channel], whereabouts: Whereabouts
    ) -> bool:
        """Whether the link's customer became this one."""
        if whereabouts.state is CustomerState.MOVED:
            return whereabouts.moved_to == customer_id
        return whereabouts.state is CustomerState.GONE and await self._store.has_all_channels(link, channels)

    def _remember(self, key: _Key, held: _Held) -> None:
        self._held.pop(key, None)
        self._held[key] = held
        if len(self._held) > _CAPACITY:
            del self._held[next(iter(self._held))]


LINKS = web.AppKey("links", Links)
