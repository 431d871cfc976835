"""Asks Gorgias whose a ticket is: for the few widget calls whose address is not certain."""

import asyncio
import time
from collections.abc import Callable
from typing import Self

import msgspec
import structlog
from aiohttp import web

from gateway.customers.address import AskGorgias, Customer
from gateway.gorgias.tickets import parse_ticket_id
from gateway.installation.accounts import FAILURES, Accounts
from runtime.shared_tasks import SharedTasks

_REMEMBER_S = 300.0
_REMEMBER_FAILURE_S = 5.0
_CAPACITY = 10_000
# How long a lookup may run after its callers gave up, so that the next call finds its answer.
_FLIGHT_S = 8.0
_LOG = structlog.get_logger()

# Shop, ticket, and the customer that the call names, since a ticket may get another customer.
_Key = tuple[str, int, int | None]


class _Held(msgspec.Struct, frozen=True):
    customer: Customer | None
    until: float


class Customers:
    """Open with `async with`. Remembers an answer for 5 min, and a failure for 5 s; at most 10,000 of them.

    However many callers wait for a ticket, it is fetched once.
    """

    def __init__(self, accounts: Accounts, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._clock = clock
        self._held: dict[_Key, _Held] = {}
        self._flights = SharedTasks[_Key, Customer | None]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._flights.close()

    async def find(self, merchant_id: str, ask: AskGorgias, *, timeout_s: float) -> Customer | None:
        """Find a ticket's customer. None: Gorgias did not answer in time, or the ticket has another customer now."""
        ticket_id = parse_ticket_id(ask.ticket_id)
        if ticket_id is None:
            return None
        key = (merchant_id, ticket_id, parse_ticket_id(ask.customer_id))
        held = self._held.get(key)
        if held is not None and self._clock() < held.until:
            return held.customer
        flight = self._flights.join(key, lambda: self._fly(key))
        await asyncio.wait({flight}, timeout=timeout_s)
        return flight.result() if flight.done() else None

    async def _fly(self, key: _Key) -> Customer | None:
        try:
            async with asyncio.timeout(_FLIGHT_S):
                customer = await self._fetch(*key)
        except FAILURES as error:
            _LOG.warning("customer_not_looked_up", merchant_id=key[0], error=type(error).__name__)
            customer = None
        self._remember(key, customer)
        return customer

    async def _fetch(self, merchant_id: str, ticket_id: int, customer_id: int | None) -> Customer | None:
        account = await self._accounts.get(merchant_id)
        if account is None:
            return None
        ticket = await account.for_panel.fetch_ticket(ticket_id)
        if ticket.ticket_id != ticket_id or customer_id not in (None, ticket.customer_id):
            return None
        return Customer(ticket.customer_email if ticket.customer_email.strip() else None)

    def _remember(self, key: _Key, customer: Customer | None) -> None:
        self._held.pop(key, None)
        self._held[key] = _Held(customer, self._clock() + (_REMEMBER_FAILURE_S if customer is None else _REMEMBER_S))
        if len(self._held) > _CAPACITY:
            del self._held[next(iter(self._held))]


CUSTOMERS = web.AppKey("customers", Customers)
