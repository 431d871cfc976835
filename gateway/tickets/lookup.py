"""Whether a ticket that a click names is there, as Gorgias says."""

import asyncio
import re
import time
from collections.abc import Callable

import structlog
from aiohttp import web

from gateway.database import DatabaseError
from gateway.errors import TicketNotCheckedError
from gateway.gorgias.errors import GorgiasError, GorgiasThrottledError
from gateway.keys import SecretKeyError
from gateway.tickets.accounts import LOOKUP_TIMEOUT_S, Accounts

_REMEMBER_S = 600.0
# A number that somebody made up, pressed again and again, is one request.
_REMEMBER_MISSING_S = 10.0
_CAPACITY = 10_000
# Gorgias numbers its tickets. Other spellings of a number are refused: each would be a ticket of its own to the limits.
_TICKET_ID = re.compile(r"[1-9][0-9]{0,17}")
_LOG = structlog.get_logger()


def parse_ticket_id(text: str) -> int | None:
    """None: no ticket can have this number."""
    return int(text) if _TICKET_ID.fullmatch(text) else None


class Tickets:
    """Remembers for 10 min that a ticket is there, for 10 s that one is not. At most 10,000 are remembered."""

    def __init__(self, accounts: Accounts, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[bool, float]] = {}

    async def find(self, merchant_id: str, ticket_id: str) -> bool | None:
        """Within 0.7 s. None: not known (not installed, or Gorgias did not say).

        Raises TicketNotCheckedError where it was not asked, for the sake of the account's rate.
        """
        number = parse_ticket_id(ticket_id)
        if number is None:
            return False
        is_there, until = self._known.get((merchant_id, number), (None, 0.0))
        if is_there is not None and self._clock() < until:
            return is_there
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                is_there = await self._ask(merchant_id, number)
        except (GorgiasError, DatabaseError, SecretKeyError, TimeoutError) as error:
            _LOG.warning("ticket_not_looked_up", merchant_id=merchant_id, error=type(error).__name__)
            if isinstance(error, GorgiasThrottledError) and error.is_ours:
                raise TicketNotCheckedError(error.retry_after_s) from None
            return None
        if is_there is not None:
            self._remember((merchant_id, number), is_there=is_there)
        return is_there

    async def _ask(self, merchant_id: str, number: int) -> bool | None:
        account = await self._accounts.get(merchant_id)
        return None if account is None else await account.lookups.has_ticket(number)

    def _remember(self, key: tuple[str, int], *, is_there: bool) -> None:
        self._known.pop(key, None)
        self._known[key] = (is_there, self._clock() + (_REMEMBER_S if is_there else _REMEMBER_MISSING_S))
        if len(self._known) > _CAPACITY:
            del self._known[next(iter(self._known))]


TICKETS = web.AppKey("tickets", Tickets)
