"""Asks Gorgias whose a ticket is, and which addresses a customer has: where the address in the URL is not enough."""

import time
from collections.abc import Callable
from typing import Self

from gateway.customers.address import AskGorgias, Customer
from gateway.customers.memory import Memory, Unanswered
from gateway.gorgias.customers import CustomerAddresses
from gateway.gorgias.errors import GorgiasNotFoundError
from gateway.gorgias.tickets import TicketClient, parse_ticket_id
from gateway.gorgias.whereabouts import Whereabouts
from gateway.installation.accounts import Accounts

# Shop, ticket, and the customer that the call names, since a ticket may get another customer.
_TicketKey = tuple[str, int, int | None]
_CustomerKey = tuple[str, int]


class Customers:
    """Open with `async with`. What Gorgias said is remembered for some minutes: see Memory.

    The key names the customer: where a ticket gets another one, the addresses of the one before are not the answer.
    Where a call does not name the customer, Gorgias is asked each time whose ticket it is.
    """

    def __init__(self, accounts: Accounts, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._tickets = Memory[_TicketKey, Customer](self._fetch_customer, clock=clock, is_lasting=_names_customer)
        self._addresses = Memory[_CustomerKey, CustomerAddresses](self._fetch_addresses, clock=clock)
        self._whereabouts = Memory[_CustomerKey, Whereabouts](self._fetch_whereabouts, clock=clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._tickets.close()
        await self._addresses.close()
        await self._whereabouts.close()

    async def find(self, merchant_id: str, ask: AskGorgias, *, timeout_s: float) -> Customer | Unanswered:
        """Find a ticket's customer. GONE: there is no such ticket, or it has another customer now."""
        ticket_id = parse_ticket_id(ask.ticket_id)
        if ticket_id is None:
            return Unanswered.GONE
        key = (merchant_id, ticket_id, parse_ticket_id(ask.customer_id))
        return await self._tickets.find(key, timeout_s=timeout_s)

    async def find_addresses(
        self, merchant_id: str, customer_id: int, *, timeout_s: float
    ) -> CustomerAddresses | Unanswered:
        """Find a customer's addresses. GONE: there is no such customer."""
        return await self._addresses.find((merchant_id, customer_id), timeout_s=timeout_s)

    async def find_whereabouts(self, merchant_id: str, customer_id: int, *, timeout_s: float) -> Whereabouts | None:
        """Find what became of a customer. None: Gorgias does not say."""
        said = await self._whereabouts.find((merchant_id, customer_id), timeout_s=timeout_s)
        return said if isinstance(said, Whereabouts) else None

    async def _fetch_customer(self, key: _TicketKey) -> Customer:
        merchant_id, ticket_id, customer_id = key
        ticket = await (await self._get_client(merchant_id)).fetch_ticket(ticket_id)
        if customer_id not in (None, ticket.customer_id):
            raise GorgiasNotFoundError("the ticket has another customer now", "wait for its next event")
        email = ticket.customer_email
        return Customer(email if email.strip() else None, ticket.customer_id)

    async def _fetch_addresses(self, key: _CustomerKey) -> CustomerAddresses:
        merchant_id, customer_id = key
        return await (await self._get_client(merchant_id)).fetch_addresses(customer_id)

    async def _fetch_whereabouts(self, key: _CustomerKey) -> Whereabouts:
        merchant_id, customer_id = key
        return await (await self._get_client(merchant_id)).fetch_whereabouts(customer_id)

    async def _get_client(self, merchant_id: str) -> TicketClient:
        account = await self._accounts.get(merchant_id)
        if account is None:
            raise GorgiasNotFoundError("the shop is not installed", "install it")
        return account.for_panel


def _names_customer(key: _TicketKey) -> bool:
    """Otherwise the ticket may have another customer at the next event, and the call would not show it."""
    _merchant_id, _ticket_id, customer_id = key
    return customer_id is not None
