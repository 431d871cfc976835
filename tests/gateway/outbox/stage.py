"""What the tests of the outbox stand on, made once for many."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from gateway.loyalty_client import LoyaltyClient
from runtime.database import Database
from tests.gateway.helpdesk import KeptHelpdesk
from tests.gateway.outbox.room import Room, TicketLoyalty

Enter: TypeAlias = Callable[[], AbstractAsyncContextManager[Room]]


@dataclass
class Stage:
    """The other servers. `target`: of the loyalty service. `loyalty`: what it answers in the present test."""

    kept_helpdesk: KeptHelpdesk
    loyalty: TicketLoyalty
    target: str
    client: LoyaltyClient


@dataclass(frozen=True)
class OpenDatabase:
    """A database that stays open, and its URL."""

    url: str
    database: Database


@dataclass(frozen=True)
class OpenPostgres(OpenDatabase):
    """`cleaner` deletes the rows of the last test."""

    cleaner: asyncpg.Connection
