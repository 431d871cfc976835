"""The part of the helpdesk page's API that changes customers, and starts and moves tickets."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from sandbox.gorgias import events
from sandbox.gorgias.account import Account
from sandbox.gorgias.customer import Channel, Customer
from sandbox.gorgias.customers_api import render_whole_customer
from sandbox.gorgias.errors import make_json
from sandbox.gorgias.merge import MergeError, merge
from sandbox.gorgias.page_body import read_body
from sandbox.gorgias.triggers import Triggers

FIRST_WORDS = "Hello, may I ask you something?"
TOLD_BY_PEOPLE = frozenset({"email", "phone"})
"""The types of channels whose addresses Gorgias does not make up itself."""

Record = TypeVar("Record")
Slug = Annotated[str, msgspec.Meta(pattern="^[a-z]+(-[a-z]+)*$", max_length=60)]
Address = Annotated[str, msgspec.Meta(pattern=r"^\S(.*\S)?$", max_length=320)]


class ChannelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: Slug
    address: Address


class CustomerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer_id: int


class TicketRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`customer_id`: None makes a new customer, who has no address but an opaque one of this channel."""

    channel: Slug
    customer_id: int | None = None
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)] = FIRST_WORDS


class PageCustomers:
    def __init__(self, accounts: Mapping[str, Account], triggers: Triggers) -> None:
        self._accounts = accounts
        self._triggers = triggers

    def add_routes(self, router: web.UrlDispatcher) -> None:
        base = "/sandbox/gorgias/{account}"
        router.add_post(base + "/tickets", self.create_ticket)
        router.add_put(base + "/tickets/{id}/customer", self.move_ticket)
        router.add_put(base + "/customers/{id}/channels", self.set_channels)
        router.add_post(base + "/customers/{id}/merge", self.merge)

    def _find_account(self, request: web.Request) -> Account:
        return _find(self._accounts, request.match_info["account"])

    async def create_ticket(self, request: web.Request) -> web.Response:
        """Answers `{"id"}`."""
        account, wanted = self._find_account(request), await read_body(request, TicketRequest)
        known = wanted.customer_id
        customer = _add_customer(account, wanted.channel) if known is None else _find(account.state.customers, known)
        ticket = events.create_ticket(account, self._triggers, customer, wanted.channel, wanted.text)
        return make_json({"id": ticket.id})

    async def move_ticket(self, request: web.Request) -> web.Response:
        """Answers `{"changed"}`."""
        account, wanted = (
            _find(self._accounts, request.match_info["account"]),
            await read_body(request, CustomerRequest),
        )
        ticket = _find(account.state.tickets, request.match_info["id"])
        customer = _find(account.state.customers, wanted.customer_id)
        return make_json({"changed": events.set_customer(account, self._triggers, ticket, customer.id)})

    async def set_channels(self, request: web.Request) -> web.Response:
        """Replace all channels of a customer. It is no ticket event, so it fires nothing."""
        account, wanted = (
            _find(self._accounts, request.match_info["account"]),
            await read_body(request, list[ChannelRequest]),
        )
        customer = _find(account.state.customers, request.match_info["id"])
        customer.set_channels(Channel(type=one.type, address=one.address) for one in wanted)
        account.save("sidebar", customer_id=customer.id)
        return make_json(render_whole_customer(customer))

    async def merge(self, request: web.Request) -> web.Response:
        """Merge a customer into another one. Answers the other one."""
        account, wanted = (
            _find(self._accounts, request.match_info["account"]),
            await read_body(request, CustomerRequest),
        )
        source = _find(account.state.customers, request.match_info["id"])
        target = _find(account.state.customers, wanted.customer_id)
        try:
            merge(account, self._triggers, source, target)
        except MergeError as error:
            return make_json({"error": str(error)}, status=409)
        return make_json(render_whole_customer(target))


def _find(records: Mapping[str, Record] | Mapping[int, Record], key: str | int) -> Record:
    """Raises HTTPNotFound."""
    record = next((record for known, record in records.items() if str(known) == str(key)), None)
    if record is None:
        raise web.HTTPNotFound
    return record


def _add_customer(account: Account, channel: str) -> Customer:
    customer_id = account.make_id()
    customer = Customer(id=customer_id, name=f"Somebody new ({customer_id})")
    if channel not in TOLD_BY_PEOPLE:
        customer.set_channels([Channel(type=channel, address=f"{channel}-{customer_id:x}")])
    account.state.customers[customer_id] = customer
    return customer
