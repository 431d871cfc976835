"""A widget shows the panel of the ticket's customer, whatever their address looks like in a URL."""

import asyncio
import itertools
import json
import string
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.gorgias.widget_url import render_widget_url
from tests.gateway.customers.senders import (
    SENDERS,
    Sender,
    get_target,
    send_all_encoded,
    send_as_requests,
    send_nothing_encoded,
    send_nothing_encoded_without_fragment,
)
from tests.gateway.edge.running import Gateway
from tests.gateway.edge.scripted import ScriptedLoyalty
from tests.gateway.helpdesk import Helpdesk

UNREADABLE = "The e-mail on this ticket cannot be read, so no member can be found."
OLD_QUERY = "email={{ticket.customer.email}}&ticket_id={{ticket.id}}&customer_id={{ticket.customer.id}}&token="
PIECES = (
    *("victim@example.com", "@", "x", "evil.example", ".", "+", "&", "=", "#", "?", "/", ";", " ", "\t", "\x00", "%"),
    *("%2", "%zz", "%26", "%40", "%23", "%25", "%41", "%7E", "%2B", "ř", "İ", "ß", "\u202e", "\ud7ff", "😀", "'", '"'),
    *("{", "}", "{{", "}}", "{{ticket.id}}", "[", "]", "<", ">", "\\", "^", "|", "`", "None", "&email=", "&end="),
    *("&token=f", "&ticket_id=4711", "&customer_id=101", "&token=tg_" + "a" * 43, " HTTP/1.1"),
)
# Gorgias makes sure that an address has an "@".
NASTY = st.builds(
    "{}{}{}".format,
    st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    st.sampled_from([piece for piece in PIECES if "@" in piece]),
    st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
)
LOCAL = st.text(string.ascii_letters + string.digits + "!$&'*+-./=?_~", min_size=1, max_size=12)
DOMAIN = st.text(string.ascii_letters + string.digits + ".-", min_size=1, max_size=12)
ORDINARY = st.builds("{}@{}".format, LOCAL, DOMAIN)


class Asked:
    """The result of one widget call: the answer, the addresses that TRIFFT was asked for, and the calls of Gorgias."""

    def __init__(self, status: int, body: dict[str, Any], emails: list[str], calls: list[str]) -> None:
        self.status = status
        self.body = body
        self.emails = emails
        self.calls = calls


class World:
    """A running gateway, its Gorgias and its loyalty service."""

    def __init__(self, gateway: Gateway, helpdesk: Helpdesk, scripted: ScriptedLoyalty) -> None:
        self.gateway = gateway
        self.helpdesk = helpdesk
        self.scripted = scripted

    async def ask(self, email: str, send: Sender, *, is_old: bool = False, has_header: bool = True) -> Asked:
        """Fire a ticket event of a new customer with this e-mail."""
        ticket = self.helpdesk.add_ticket(email)
        values = {
            "ticket.id": str(ticket.id),
            "ticket.customer.id": str(ticket.customer_id),
            "ticket.customer.email": email,
        }
        template = render_widget_url(self.gateway.url, self.gateway.credential)
        if is_old:
            template = f"{template.partition('?')[0]}?{OLD_QUERY}{self.gateway.credential}"
        self.helpdesk.clear()
        self.scripted.snapshot_requests.clear()
        status, body = await self.fetch(get_target(send(template, values)), has_header=has_header)
        emails = [request.identity.email for request in self.scripted.snapshot_requests]
        assert set(self.helpdesk.requests) <= {f"GET /tickets/{ticket.id}", f"GET /customers/{ticket.customer_id}"}
        return Asked(status, body, emails, list(self.helpdesk.requests))

    async def fetch(self, target: str, *, has_header: bool) -> tuple[int, dict[str, Any]]:
        """Fetch over a plain socket: an HTTP client would change the target."""
        host, port = self.gateway.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        header = f"Authorization: Bearer {self.gateway.credential}\r\n" if has_header else ""
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return int(head.split(b" ")[1]), json.loads(body)


@pytest.fixture
def world(gateway: Gateway, helpdesk: Helpdesk, scripted: ScriptedLoyalty) -> World:
    return World(gateway, helpdesk, scripted)


@given(email=NASTY, send=st.sampled_from(SENDERS), has_header=st.booleans())
@example(email="victim@example.com&@evil.example", send=send_nothing_encoded, has_header=True)
@example(email="victim@example.com&end=@evil.example", send=send_as_requests, has_header=True)
@example(email="x&token=f@evil.example", send=send_as_requests, has_header=False)
@example(email="victim@example.com#@evil.example", send=send_as_requests, has_header=False)
@example(email="+victim@example.com", send=send_nothing_encoded, has_header=True)
@example(email="o&m@example.com", send=send_as_requests, has_header=True)
@example(email="{{x@evil.example}}", send=send_as_requests, has_header=True)
@example(email="victim%40example.com@evil.example", send=send_all_encoded, has_header=True)
@example(email="x%zz@evil.example", send=send_as_requests, has_header=True)
@example(email="victim@example.comř", send=send_as_requests, has_header=True)
@settings(max_examples=50)
async def test_panel_is_of_the_tickets_own_address(world: World, email: str, send: Sender, *, has_header: bool) -> None:
    """Besides itself, an address may only be read as what a sender that decodes escapes makes of it."""
    asked = await world.ask(email, send, has_header=has_header)
    if asked.status == HTTPStatus.BAD_REQUEST:
        assert not is_http(email, send)
        assert (asked.emails, asked.calls) == ([], [])
        return
    assert (asked.status, asked.body["status"]) == (200, "member")
    if send is send_as_requests and not asked.calls and "%" in email:
        assert asked.emails in ([email], [decode_unreserved(email)])
    else:
        assert asked.emails == [email]


def is_http(email: str, send: Sender) -> bool:
    """Whether HTTP allows what is sent: a sender without encoding may send a space, or an "ř"."""
    is_raw = send in (send_nothing_encoded, send_nothing_encoded_without_fragment)
    return not is_raw or all("!" <= character <= "~" for character in email)


def decode_unreserved(email: str) -> str:
    parts = email.split("%")
    decoded = (unquote(f"%{part[:2]}") if part[:2] else "%" for part in parts[1:])
    return parts[0] + "".join(
        (char if char.isascii() and (char.isalnum() or char in "-._~") else f"%{part[:2]}") + part[2:]
        for char, part in zip(decoded, parts[1:], strict=True)
    )


@given(email=NASTY, send=st.sampled_from(SENDERS), has_header=st.booleans())
@example(email="x&token=f@evil.example", send=send_as_requests, has_header=False)
@example(email="victim@example.com&@evil.example", send=send_as_requests, has_header=True)
@example(email="x&ticket_id=4711&customer_id=101&token=f#@evil.example", send=send_as_requests, has_header=True)
async def test_old_url_shows_the_tickets_own_address_or_none(
    world: World, email: str, send: Sender, *, has_header: bool
) -> None:
    """A "#" cuts off our parameters: then the ticket is unknown and, without the header, the caller, too."""
    is_cut = "#" in email and send not in (send_nothing_encoded, send_all_encoded)
    asked = await world.ask(email, send, is_old=True, has_header=has_header)
    if asked.status == HTTPStatus.BAD_REQUEST:
        assert not is_http(email, send)
        assert (asked.emails, asked.calls) == ([], [])
    elif not is_cut:
        assert (asked.status, asked.emails, len(asked.calls)) == (200, [email], 1)
    else:
        assert (asked.emails, asked.calls) == ([], [])
        assert asked.status == (200 if has_header else 401)
        assert asked.body.get("summary", UNREADABLE) == UNREADABLE


@given(email=ORDINARY, send=st.sampled_from(SENDERS))
@example(email="jana.novakova+shop@mail.example.com", send=send_all_encoded)
async def test_ordinary_address_costs_no_call_of_gorgias(world: World, email: str, send: Sender) -> None:
    asked = await world.ask(email, send)
    assert (asked.emails, asked.calls) == ([email], [])


ASK = "Ask the customer for the support ID in their app, then press Link to member."
NO_ADDRESS = f"This customer has no e-mail address and no phone number that can be looked for. {ASK}"
# Gorgias itself has this text as the customer's e-mail address.
UNREADABLE_ADDRESS = (
    f"This ticket has no e-mail. The customer's phone number or other e-mail in Gorgias cannot be read: correct it "
    f"there. {ASK}"
)
ABSENT: list[tuple[str, Sender]] = [
    *itertools.product(["", "None", "{{ticket.customer.email}}"], SENDERS),
    *itertools.product([" "], [send_as_requests, send_all_encoded]),
]


async def test_customers_other_addresses_are_asked_for_if_the_url_has_none(
    world: World, subtests: pytest.Subtests
) -> None:
    for email, send in ABSENT:
        with subtests.test(email=email, send=send):
            asked = await world.ask(email, send)
            assert (asked.status, asked.body["status"]) == (200, "no_identity")
            assert asked.body["summary"] == (UNREADABLE_ADDRESS if email.strip() else NO_ADDRESS)
            assert asked.emails == []
            assert [call.rpartition("/")[0] for call in asked.calls] == ["GET /customers"]


NOT_OURS: list[str] = ["", "?", "?email=victim@example.com", "?token={}&email=victim@example.com"]


async def test_foreign_url_is_not_read(world: World, subtests: pytest.Subtests) -> None:
    """Such a URL comes from a person who tries it by hand, or from an integration that somebody edited."""
    for target in NOT_OURS:
        with subtests.test(target=target):
            world.scripted.snapshot_requests.clear()
            path = f"/gorgias/widget{target.format(world.gateway.credential)}"
            status, body = await world.fetch(path, has_header=True)
            assert (status, body["summary"]) == (200, UNREADABLE)
            assert world.scripted.snapshot_requests == []
