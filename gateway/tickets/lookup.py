"""Whether a ticket that a click names is there, as Gorgias says."""

import asyncio
import re
import time
from collections.abc import Callable

import structlog
from aiohttp import web

from gateway.database import DatabaseError
from gateway.gorgias.errors import GorgiasError
from gateway.keys import SecretKeyError
from gateway.tickets.accounts import LOOKUP_TIMEOUT_S, Accounts

REMEMBER_S = 600.0
_CAPACITY = 10_000
# Gorgias numbers its tickets. Other spellings of a number are refused: each would be a ticket of its own to the limits.
_TICKET_ID = re.compile(r"[1-9][0-9]{0,17}")
_LOG = structlog.get_logger()


def parse_ticket_id(text: str) -> int | None:
    """None: no ticket can have this number."""
    return int(text) if _TICKET_ID.fullmatch(text) else None


class Tickets:
    """Remembers for 10 min that a ticket is there, never that one is not. At most 10,000 are remembered."""

    def __init__(self, accounts: Accounts, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._clock = clock
        self._seen: dict[tuple[str, str], float] = {}

    async def find(self, merchant_id: str, ticket_id: str) -> bool | None:
        """Within 0.7 s. None: not known (not installed, no ticket named, or Gorgias did not say)."""
        key = (merchant_id, ticket_id)
        if self._clock() - self._seen.get(key, -REMEMBER_S) < REMEMBER_S:
            return True
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                is_there = await self._ask(merchant_id, ticket_id)
        except (GorgiasError, DatabaseError, SecretKeyError, TimeoutError) as error:
            _LOG.warning("ticket_not_looked_up", merchant_id=merchant_id, error=type(error).__name__)
            return None
        if is_there:
            self._remember(key)
        return is_there

    async def _ask(self, merchant_id: str, ticket_id: str) -> bool | None:
        account = await self._accounts.get(merchant_id)
        if account is None or not ticket_id:
            return None
        number = parse_ticket_id(ticket_id)
        return number is not None and await account.lookups.has_ticket(number)

    def _remember(self, key: tuple[str, str]) -> None:
        self._seen.pop(key, None)
        self._seen[key] = self._clock()
        if len(self._seen) > _CAPACITY:
            del self._seen[next(iter(self._seen))]


TICKETS = web.AppKey("tickets", Tickets)
