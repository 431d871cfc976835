"""Both doors of this room, open as long as the application runs."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.tickets.accounts import Accounts
from gateway.tickets.metrics import NoteMetrics
from gateway.tickets.outbox import POLL_S, Outbox
from gateway.tickets.ownership import Ownership
from gateway.tickets.store import FIRST_LOOK_S, NoteStore
from gateway.tickets.writer import LATE_S, Writer
from runtime.database import Database

# A panel's last click may be answered so long after its button stopped working.
_MARGIN_S = 86_400.0


@asynccontextmanager
async def open_tickets(  # noqa: PLR0913 - what it stands on
    database: Database,
    accounts: Accounts,
    client: LoyaltyClient,
    merchants: Merchants,
    registry: CollectorRegistry,
    *,
    click_life_s: float,
    poll_s: float = POLL_S,
    first_look_s: float = FIRST_LOOK_S,
    late_s: float = LATE_S,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[tuple[Ownership, Outbox]]:
    """`click_life_s`: how long the same click may come again; so long a written note is remembered.

    `late_s`: how long after an uncertain send Gorgias may still write it.
    """
    async with NoteStore(database, first_look_s=first_look_s) as store:
        metrics = NoteMetrics(registry)
        writer = Writer(store, accounts, client, merchants, metrics, late_s=late_s, clock=clock)
        kept_s = click_life_s + _MARGIN_S
        async with Outbox(store, writer, metrics, kept_s=kept_s, poll_s=poll_s, clock=clock) as outbox:
            yield Ownership(accounts), outbox
