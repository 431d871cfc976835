"""Finds the member of a ticket's customer: by a link, the ticket's e-mail, their other addresses. Never guesses."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from aiohttp import web

from gateway.customers.address import AskGorgias, Customer
from gateway.customers.candidates import Candidates, choose_candidates
from gateway.customers.finding import Finding, Question, TicketEmail
from gateway.customers.identity import FoundBy, Identity
from gateway.customers.lookup import Customers
from gateway.customers.memory import Unanswered
from gateway.customers.own_addresses import OwnAddresses
from gateway.errors import GatewayError, LoyaltyCallError
from gateway.gorgias.customers import CustomerAddresses
from gateway.gorgias.tickets import parse_ticket_id
from gateway.gorgias.whereabouts import Whereabouts
from gateway.links.link import Link
from gateway.links.service import Links
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.addresses import make_email_key
from runtime.clock import SystemClock
from runtime.database import DatabaseError

# How often TRIFFT is searched for one event at most.
MOST_SEARCHES = 5
# The part of the time for asking Gorgias; the rest is for TRIFFT.
_GORGIAS_SHARE = 0.4
_LEAST_TIMEOUT_S = 0.05


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a search asks. `max_staleness_s`: as a ticket event asks. `time_s`: for all of it."""

    loyalty: LoyaltyClient
    customers: Customers
    own_addresses: OwnAddresses
    links: Links
    clock: SystemClock
    max_staleness_s: float
    time_s: float


class Search:
    """One search. Make a new one for each ticket event. `until`: when it must end, of `time.monotonic`."""

    def __init__(self, services: Services, question: Question, *, until: float) -> None:
        self._services = services
        self._question = question
        self._until = until
        self._search_count = 0
        self.finding = Finding()

    async def run(self) -> None:
        """Fill `finding`: the first that finds anybody decides. Raises StoreUnavailableError, and GatewayError."""
        finding, asked = self.finding, self._question.customer
        finding.customer = asked if isinstance(asked, Customer) else None
        if await self._try_link(self._question.customer_id):
            return
        if isinstance(asked, AskGorgias):
            await self._ask_for_customer(asked)
        customer = finding.customer
        if customer is None:
            return
        if self._question.customer_id is None and await self._try_link(customer.customer_id):
            return
        own_keys = await self._services.own_addresses.get(self._question.merchant_id)
        if await self._try_email(customer.email, own_keys):
            return
        if customer.customer_id is None and await self._ask_for_customer_id():
            return
        if finding.customer is not None and finding.customer.customer_id is not None:
            await self._try_others(finding.customer.customer_id, customer.email, own_keys)

    async def _try_link(self, customer_id: int | None) -> bool:
        """Whether a link decides."""
        if customer_id is None:
            return False
        try:
            link = await self._services.links.find(self._question.merchant_id, customer_id)
        except (DatabaseError, TimeoutError):  # without our own database the addresses still count
            self.finding.is_link_unread = True
            return False
        return link is not None and await self._follow(link)

    async def _follow(self, link: Link) -> bool:
        self.finding.link = link
        await self._get(pb.MemberIdentity(member_id=link.member_id), Identity(FoundBy.LINK, link.member_id))
        return True

    async def _ask_for_customer_id(self) -> bool:
        """Ask whose the ticket is, if the call did not say it. Returns whether a link of theirs decides."""
        known = self.finding.customer
        if parse_ticket_id(self._question.ticket_id) is None:
            return False
        await self._ask_for_customer(AskGorgias(ticket_id=self._question.ticket_id, customer_id=""))
        said = self.finding.customer
        if known is not None and said is not None:
            self.finding.customer = Customer(known.email, said.customer_id)
        return said is not None and await self._try_link(said.customer_id)

    async def _ask_for_customer(self, asked: AskGorgias) -> None:
        with self._looking_up() as timeout_s:
            said = await self._services.customers.find(self._question.merchant_id, asked, timeout_s=timeout_s)
        if isinstance(said, Unanswered):
            self.finding.unanswered = said
        else:
            self.finding.customer = said

    async def _try_email(self, email: str | None, own_keys: frozenset[str]) -> bool:
        """Whether the ticket's e-mail decides: it names a member or several, or TRIFFT does not say."""
        finding = self.finding
        if email is None:
            finding.email = TicketEmail.ABSENT
            return False
        if own_keys and make_email_key(email) in own_keys:
            finding.email = TicketEmail.OWN
            return False
        finding.email = TicketEmail.ASKED
        await self._get(pb.MemberIdentity(email=email), Identity(FoundBy.EMAIL, email))
        if finding.error is None:
            return True
        if finding.error.reason == "MEMBER_NOT_FOUND":
            finding.email = TicketEmail.NOBODYS
        elif finding.error.reason == "BAD_VALUE":
            finding.email = TicketEmail.NO_ADDRESS
        else:
            return True
        self._search_count = _count_searches(finding.error)
        finding.nobody, finding.error = finding.error, None
        return False

    async def _try_others(self, customer_id: int, email: str | None, own_keys: frozenset[str]) -> None:
        merchant_id, finding = self._question.merchant_id, self.finding
        with self._looking_up() as timeout_s:
            said = await self._services.customers.find_addresses(merchant_id, customer_id, timeout_s=timeout_s)
        if isinstance(said, Unanswered):
            finding.unanswered = said
            return
        if await self._adopt_link(customer_id, said):
            return
        country = self._question.country
        candidates = choose_candidates(said, email=email, own_keys=own_keys, country=country)
        finding.candidates = candidates
        if not (candidates.emails or candidates.phones) or not candidates.is_whole:
            return
        left = MOST_SEARCHES - self._search_count
        if left <= 0:
            finding.candidates = msgspec.structs.replace(candidates, is_whole=False)
            return
        await self._get_first(candidates, left)

    async def _adopt_link(self, customer_id: int, addresses: CustomerAddresses) -> bool:
        """Take over the link of a customer who was merged into this one. Returns whether it decides."""
        merchant_id, services = self._question.merchant_id, self._services

        async def fetch_whereabouts(other_id: int) -> Whereabouts | None:
            with self._looking_up() as timeout_s:
                return await services.customers.find_whereabouts(merchant_id, other_id, timeout_s=timeout_s)

        try:
            async with asyncio.timeout(self._left_s):
                link = await services.links.adopt(
                    merchant_id,
                    customer_id,
                    addresses.channels,
                    fetch_whereabouts,
                    services.clock.now(),
                    ticket_id=parse_ticket_id(self._question.ticket_id),
                )
        except (DatabaseError, TimeoutError):
            self.finding.is_link_unread = True
            return False
        return link is not None and await self._follow(link)

    async def _get(self, identity: pb.MemberIdentity, found_by: Identity) -> None:
        services, finding = self._services, self.finding
        with self._asking() as timeout_s:
            finding.snapshot = await services.loyalty.get_snapshot(
                self._question.merchant_id,
                identity,
                max_staleness_s=services.max_staleness_s,
                timeout_s=timeout_s,
                request_id=self._question.request_id,
            )
            finding.found_by = found_by

    async def _get_first(self, candidates: Candidates, most_searches: int) -> None:
        """The first group that finds anybody decides."""
        services, finding = self._services, self.finding
        with self._asking() as timeout_s:
            response = await services.loyalty.find_snapshot(
                self._question.merchant_id,
                candidates.list_groups(),
                max_search_count=most_searches,
                max_staleness_s=services.max_staleness_s,
                timeout_s=timeout_s,
                request_id=self._question.request_id,
            )
            finding.found_by = _name_found_by(response.found_by)
            finding.snapshot = response.snapshot
        match finding.error:
            case LoyaltyCallError(reason="MEMBER_NOT_FOUND"):
                finding.nobody, finding.error = finding.error, None
            # The shop's TRIFFT cannot search by any of them. A loyalty service of an older release refuses `identity`:
            # it has not looked for them.
            case LoyaltyCallError(reason="BAD_VALUE", field=field) if field.startswith("identity_groups"):
                finding.candidates, finding.error = Candidates(), None

    @property
    def _left_s(self) -> float:
        return max(_LEAST_TIMEOUT_S, self._until - time.monotonic())

    @contextmanager
    def _asking(self) -> Iterator[float]:
        """Ask the loyalty service: yields the time for it, and keeps its refusal in the finding."""
        began = time.monotonic()
        try:
            yield self._left_s
        except LoyaltyCallError as error:
            self.finding.error = error
        finally:
            self.finding.loyalty_s = (self.finding.loyalty_s or 0.0) + time.monotonic() - began

    @contextmanager
    def _looking_up(self) -> Iterator[float]:
        """Ask Gorgias: yields the time for it. All look-ups of a search have one share of its time."""
        began = time.monotonic()
        share_s = self._services.time_s * _GORGIAS_SHARE - (self.finding.lookup_s or 0.0)
        try:
            yield max(0.0, min(share_s, self._left_s))
        finally:
            self.finding.lookup_s = (self.finding.lookup_s or 0.0) + time.monotonic() - began


def _count_searches(error: LoyaltyCallError) -> int:
    """How often TRIFFT was searched; an older loyalty service does not say it."""
    count = error.metadata.get("search_count", "")
    return int(count) if count.isascii() and count.isdigit() else 1


def _name_found_by(identity: pb.MemberIdentity) -> Identity:
    """Raises GatewayError if it is none of those that were sent."""
    match identity.WhichOneof("identity"):
        case "email":
            return Identity(FoundBy.OTHER_EMAIL, identity.email)
        case "phone":
            return Identity(FoundBy.PHONE, identity.phone)
    raise GatewayError("INTERNAL_ERROR", "the loyalty service does not say by what it found the member")


SERVICES = web.AppKey("services", Services)
