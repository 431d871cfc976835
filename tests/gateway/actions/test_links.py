"""`POST /gorgias/actions/link-member` and `unlink-member` as the buttons send them."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import grpc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.actions.link_token import LinkTokens
from gateway.errors import HTTP_STATUS, AwardTokenError, LoyaltyCallError, NoTokenReason
from gateway.links.link import Agent, EndKind, Link, LinkEnd, NewLink
from gateway.links.store import LinkLimit, LinkStore
from gateway.wording.answers.link import say_link_refusal, say_unlink_refusal
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import DatabaseError
from tests.gateway.edge.running import NOW, Gateway, run_gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.edge.shared import Shop
from tests.gateway.edge.shops import KEYS
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.widget.test_view import make_snapshot
from tests.statements import execute

Loyalty: TypeAlias = "tuple[ScriptedLoyalty, str, grpc.aio.Server]"
JANAS_ID, STRANGERS_ID = 101, 103
SEE = "Add or remove a tag to see it."
TAG = "Add or remove a tag, then try again."
NOT_FOUND, PRECONDITION = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop in which the support ID is Jana Nováková's."""
    shop.scripted.snapshot = make_snapshot()
    return shop


@pytest.fixture
def links(shop: Shop) -> LinkStore:
    return LinkStore(shop.database, KEYS)


async def press_link(gateway: Gateway, **values: str) -> aiohttp.ClientResponse:
    form = {
        "link_token": gateway.tokens.links.make_link(gateway.merchant_id, JANAS_ID),
        "support_id": "JN-4821",
        "ticket_id": "4711",
        "agent_name": "Ana Kovacs",
        "agent_email": "ana@acme.example",
    }
    return await gateway.post("link-member", form | values)


async def press_unlink(gateway: Gateway, link: Link, **values: str) -> aiohttp.ClientResponse:
    token = gateway.tokens.links.make_unlink(gateway.merchant_id, link.customer_id, link.link_id)
    form = {"unlink_token": token, "ticket_id": "4711", "agent_name": "Ben"}
    return await gateway.post("unlink-member", form | values)


async def add_link(shop: Shop, links: LinkStore, member_id: str = "member-1", **changes: Any) -> Link:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "customer_id": JANAS_ID,
        "support_id": "JN-4821",
        "agent": Agent(name="Ana"),
        "ticket_id": 4711,
    }
    new = NewLink(merchant_id=shop.gateway.merchant_id, member_id=member_id, **(fields | changes))
    return (await links.add(new, NOW, LinkLimit(most=20, day_start=NOW), lambda *_: False)).link


async def find_link(shop: Shop, links: LinkStore) -> Link | None:
    return await links.get(shop.gateway.merchant_id, JANAS_ID)


async def check_refused(response: aiohttp.ClientResponse, shop: Shop, links: LinkStore) -> dict[str, Any]:
    """Check the problem answer, and that nothing was written or promised."""
    body: dict[str, Any] = await response.json()
    assert response.content_type == "application/problem+json"
    assert (await links.list_links(shop.gateway.merchant_id), await shop.list_notes()) == ([], [])
    return body


async def test_customer_is_linked_by_the_support_id_and_the_answer_names_the_member(
    shop: Shop, links: LinkStore
) -> None:
    response = await press_link(shop.gateway, support_id="  'jn-4821' ")
    said = {
        "status": "applied",
        "message": "Linked to Jana Nováková (JN-4821). A note will appear in this ticket.",
        "award_id": "",
    }
    assert (response.status, await response.json()) == (200, said)
    link = await find_link(shop, links)
    assert link is not None
    assert (link.member_id, link.support_id, link.ticket_id) == ("bf428af0", "JN-4821", 4711)
    assert (link.agent, link.link_time) == (Agent(name="Ana Kovacs", email="ana@acme.example"), NOW)
    [request] = shop.scripted.snapshot_requests
    assert request.identity == pb.MemberIdentity(support_id="jn-4821")
    assert (request.HasField("max_staleness"), request.max_staleness.ToMilliseconds()) == (True, 0)
    [note] = await shop.list_notes()
    assert (note["request_id"], note["ticket_id"]) == (f"linked:{link.link_id}", 4711)
    candidates = await links.list_candidates(shop.gateway.merchant_id, 999, [("email", "jana@example.com")])
    assert candidates == [link]


async def test_second_click_is_the_same_link(shop: Shop, links: LinkStore) -> None:
    await press_link(shop.gateway)
    again = await press_link(shop.gateway, agent_name="Ben", agent_email="")
    assert (again.status, await again.json()) == (
        200,
        {
            "status": "replayed",
            "message": f"Already linked to Jana Nováková (JN-4821) by Ana Kovacs at 13:55. {SEE}",
            "award_id": "",
        },
    )
    assert len(await links.list_links(shop.gateway.merchant_id)) == 1


async def test_simultaneous_clicks_are_one_link(shop: Shop, links: LinkStore) -> None:
    responses = await asyncio.gather(*(press_link(shop.gateway) for _ in range(5)))
    assert sorted([(await one.json())["status"] for one in responses]) == ["applied", *["replayed"] * 4]
    assert len(await links.list_links(shop.gateway.merchant_id)) == len(await shop.list_notes()) == 1


async def test_customer_of_another_member_must_be_unlinked_first(shop: Shop, links: LinkStore) -> None:
    link = await add_link(shop, links, "member-2", support_id="ZO-5190")
    response = await press_link(shop.gateway)
    body = await response.json()
    assert (response.status, body["reason"]) == (409, "LINK_EXISTS")
    assert body["message"] == (
        "Not linked: this customer was linked to member ZO-5190 by Ana at 13:55. "
        'To change that, add or remove a tag, then press "Unlink".'
    )
    assert await find_link(shop, links) == link


async def test_blocked_member_can_be_linked(shop: Shop, links: LinkStore) -> None:
    """The panel shows that the member is blocked."""
    shop.scripted.snapshot = make_snapshot(member=pb.Member(status=pb.MEMBER_STATUS_BLOCKED))
    assert (await press_link(shop.gateway)).status == 200
    assert await find_link(shop, links) is not None


Script: TypeAlias = "pb.Snapshot | Failure"
REFUSED: list[tuple[Script, int, str]] = [
    (
        Failure(NOT_FOUND, "MEMBER_NOT_FOUND"),
        404,
        "Not linked. No member has the support ID JN-4821: check it with the customer.",
    ),
    (
        Failure(PRECONDITION, "MEMBER_AMBIGUOUS", {"member_count": "2"}),
        422,
        "Not linked. Several members have the support ID JN-4821. They must be merged in TRIFFT. Ask a manager.",
    ),
    (
        Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name="identity"),
        400,
        ("Not linked. Type a support ID of at most 100 characters. Ask the customer for the support ID in their app."),
    ),
    (
        Failure(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
        503,
        "Not linked. TRIFFT is not answering, nothing was changed. Try again in a few minutes.",
    ),
    (
        Failure(grpc.StatusCode.UNAVAILABLE),
        503,
        ("Not linked. The loyalty service is not answering, this click changed nothing. Try again in a few minutes."),
    ),
    (
        make_snapshot(stale_reason=pb.PROVIDER_THROTTLED),
        503,
        "Not linked. TRIFFT is busy. Try again in 1 minute.",
    ),
]


async def test_member_whom_trifft_cannot_confirm_now_is_not_linked(
    shop: Shop, links: LinkStore, subtests: pytest.Subtests
) -> None:
    """Held data is not enough: the support ID may be another member's now."""
    for snapshot, status, message in REFUSED:
        with subtests.test(snapshot=snapshot):
            shop.scripted.snapshot = snapshot
            response = await press_link(shop.gateway)
            body = await check_refused(response, shop, links)
            assert (response.status, body["message"]) == (status, message)


async def test_impossible_support_id_is_refused_before_any_request(
    shop: Shop, links: LinkStore, subtests: pytest.Subtests
) -> None:
    for typed in ("", "  ", '""', "\u200b", "x" * 101):
        with subtests.test(typed=typed):
            response = await press_link(shop.gateway, support_id=typed)
            body = await check_refused(response, shop, links)
            assert (response.status, body["reason"]) == (400, "BAD_VALUE")
            assert body["message"].startswith("Not linked. Type a support ID of at most 100 characters.")
    assert (shop.helpdesk.requests, shop.scripted.snapshot_requests) == ([], [])


Change: TypeAlias = "Callable[[Helpdesk], object]"


def give_to_the_stranger(helpdesk: Helpdesk) -> None:
    helpdesk.account.state.tickets[4711].customer_id = STRANGERS_ID


def refuse(request: str, status: int) -> Change:
    return lambda helpdesk: helpdesk.answer(request, {"error": {"msg": "no"}}, status=status)


TICKETS: dict[str, tuple[Change, int, str, str]] = {
    "re-assigned": (
        give_to_the_stranger,
        409,
        "OTHER_CUSTOMER",
        f": this ticket now belongs to another customer. {TAG}",
    ),
    "no customer": (
        lambda helpdesk: helpdesk.answer("GET /tickets/4711", {"id": 4711, "customer": None}),
        503,
        "TICKET_NOT_CHECKED",
        ". Gorgias did not say whose ticket this is. Nothing was changed. Try again in a minute.",
    ),
    "gone": (
        refuse("GET /tickets/4711", 404),
        422,
        "TICKET_NOT_FOUND",
        ": ticket 4711 is not in this Gorgias account. Try in another ticket of this customer.",
    ),
    "down": (
        refuse("GET /tickets/4711", 503),
        503,
        "TICKET_NOT_CHECKED",
        ". Gorgias did not say whose ticket this is. Nothing was changed. Try again in a minute.",
    ),
}


async def test_ticket_that_may_be_another_customers_changes_nothing(
    shop: Shop, links: LinkStore, subtests: pytest.Subtests
) -> None:
    for name, (change, status, reason, cause) in TICKETS.items():
        with subtests.test(name=name):
            change(shop.helpdesk)
            response = await press_link(shop.gateway)
            body = await check_refused(response, shop, links)
            assert (response.status, body["reason"], body["message"]) == (status, reason, f"Not linked{cause}")
            shop.helpdesk.clear()
            shop.helpdesk.account.state.tickets[4711].customer_id = JANAS_ID
    link = await add_link(shop, links)
    for name, (change, status, reason, cause) in TICKETS.items():
        with subtests.test(name=f"unlink, {name}"):
            change(shop.helpdesk)
            response = await press_unlink(shop.gateway, link)
            body = await response.json()
            assert (response.status, body["reason"], body["message"]) == (status, reason, f"Not unlinked{cause}")
            assert await find_link(shop, links) == link
            shop.helpdesk.clear()
            shop.helpdesk.account.state.tickets[4711].customer_id = JANAS_ID
    assert shop.scripted.snapshot_requests == []


async def test_customer_is_not_linked_if_gorgias_does_not_list_their_channels(
    shop: Shop, links: LinkStore, subtests: pytest.Subtests
) -> None:
    """Without channels the link could not follow a merge. The redirect of a merged customer is not followed."""
    for status in (301, 404, 503):
        with subtests.test(status=status):
            shop.helpdesk.answer(f"GET /customers/{JANAS_ID}", {}, status=status, Location="/api/customers/103")
            response = await press_link(shop.gateway)
            body = await check_refused(response, shop, links)
            assert (response.status, body["reason"]) == (503, "TICKET_NOT_CHECKED")


async def test_press_without_a_ticket_is_refused(shop: Shop, links: LinkStore) -> None:
    link = await add_link(shop, links)
    for response in (
        await press_link(shop.gateway, ticket_id=""),
        await press_unlink(shop.gateway, link, ticket_id=""),
    ):
        assert (response.status, (await response.json())["reason"]) == (400, "TICKET_MISSING")
    assert shop.helpdesk.requests == []


async def test_agent_can_link_only_so_many_customers_in_the_shops_day(
    folder: Path, loyalty: Loyalty, subtests: pytest.Subtests
) -> None:
    scripted, target, _ = loyalty
    scripted.snapshot = make_snapshot()
    async with run_gateway(folder, target, links_per_agent_day=1, gorgias_requests=1_000_000) as gateway:
        assert (await press_link(gateway)).status == 200
        token = gateway.tokens.links.make_link("acme", 102)
        for agent in ({}, {"agent_name": "Somebody else"}):
            with subtests.test(agent=agent):
                response = await press_link(gateway, link_token=token, ticket_id="4712", **agent)
                body = await response.json()
                assert (response.status, body["reason"]) == (422, "LINK_LIMIT")
                assert body["message"] == (
                    "Not linked. You have linked as many customers today as an agent may. Ask a manager."
                )
        other = await press_link(gateway, link_token=token, ticket_id="4712", agent_email="ben@acme.example")
        assert other.status == 200


async def test_link_is_removed_while_it_stands_and_once(shop: Shop, links: LinkStore) -> None:
    link = await add_link(shop, links)
    response = await press_unlink(shop.gateway, link, agent_email="ben@acme.example")
    said = {
        "status": "applied",
        "message": "Unlinked from member JN-4821. A note will appear in this ticket.",
        "award_id": "",
    }
    assert (response.status, await response.json()) == (200, said)
    ended = await links.get_by_id(shop.gateway.merchant_id, link.link_id)
    assert ended is not None
    by_ben = Agent(name="Ben", email="ben@acme.example")
    assert ended.end == LinkEnd(kind=EndKind.UNLINKED, agent=by_ben, ticket_id=4711, time=NOW)
    again = await press_unlink(shop.gateway, link)
    assert (again.status, await again.json()) == (
        200,
        {
            "status": "replayed",
            "message": f"Already unlinked by Ben at 13:55. {SEE}",
            "award_id": "",
        },
    )
    assert [one["request_id"] for one in await shop.list_notes()] == [f"unlinked:{link.link_id}"]


async def test_old_panel_does_not_remove_a_later_link(shop: Shop, links: LinkStore) -> None:
    old = await add_link(shop, links)
    await press_unlink(shop.gateway, old)
    new = await add_link(shop, links)
    assert (await (await press_unlink(shop.gateway, old)).json())["status"] == "replayed"
    assert await find_link(shop, links) == new


async def test_link_that_was_moved_or_forgotten_is_not_unlinked(shop: Shop, links: LinkStore) -> None:
    link = await add_link(shop, links)
    merchant_id = shop.gateway.merchant_id
    moved = await links.move(link, 201, [], NOW)
    for prepare in (None, links.forget(merchant_id, member_ids=["member-1"], support_ids=[], channels=[])):
        if prepare is not None:
            await prepare
        else:
            assert await links.get(merchant_id, 201) == moved
        response = await press_unlink(shop.gateway, link)
        body = await response.json()
        assert (response.status, body["reason"]) == (409, "LINK_GONE")
        assert body["message"] == f"Not unlinked: this customer has no such link any more. {TAG}"


async def test_shop_without_notes_is_told_how_to_see_the_link(shop: Shop, links: LinkStore) -> None:
    await execute(
        shop.database,
        f"UPDATE installations SET writes_notes = FALSE WHERE merchant_id = '{shop.gateway.merchant_id}'",  # noqa: S608 - our own name
    )
    body = await (await press_link(shop.gateway)).json()
    assert body["message"] == "Linked to Jana Nováková (JN-4821). Add or remove a tag to see it."
    link = await find_link(shop, links)
    assert link is not None
    body = await (await press_unlink(shop.gateway, link)).json()
    assert body["message"] == "Unlinked from member JN-4821. Add or remove a tag to see it."


async def test_failed_database_call_is_not_reported_as_a_refusal(
    shop: Shop, links: LinkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await add_link(shop, links)

    async def fail(*_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(LinkStore, "add", fail)
    monkeypatch.setattr(LinkStore, "end", fail)
    for response in (await press_link(shop.gateway), await press_unlink(shop.gateway, link)):
        body = await response.json()
        assert (response.status, body["status"]) == (200, "checking")
        assert (
            body["message"] == "We do not know yet whether this was done. Add or remove a tag: the panel will say it."
        )


NO_TOKEN = [
    (None, f"nobody can be linked in this panel. {TAG}", "this panel shows no link of the customer."),
    ("", f"nobody can be linked in this panel. {TAG}", "this panel shows no link of the customer."),
    (NoTokenReason.HAS_MEMBER, "this panel already shows a member.", None),
    (
        NoTokenReason.LINKED,
        'this customer is already linked. To link them to another member, press "Unlink" first.',
        None,
    ),
    (NoTokenReason.NO_CUSTOMER, f"Gorgias did not say which customer this is. {TAG}", None),
    (NoTokenReason.NOT_LINKED, None, "this panel shows no link of the customer."),
]


async def test_button_of_a_panel_without_its_token_says_why(shop: Shop, subtests: pytest.Subtests) -> None:
    """The conservative template has both buttons on every panel."""
    for token, link_cause, unlink_cause in NO_TOKEN:
        for route, lead, cause in (("link", "Not linked", link_cause), ("unlink", "Not unlinked", unlink_cause)):
            if cause is None:
                continue
            with subtests.test(token=token, route=route):
                form = {f"{route}_token": token, "support_id": "JN-4821", "ticket_id": "4711"}
                sent = {name: value for name, value in form.items() if value is not None}
                response = await shop.gateway.post(f"{route}-member", sent)
                assert (response.status, (await response.json())["message"]) == (400, f"{lead}: {cause}")


async def test_token_of_another_kind_shop_or_key_is_refused(shop: Shop, links: LinkStore) -> None:
    gateway, link = shop.gateway, await add_link(shop, links)
    tokens, shop_id = gateway.tokens.links, gateway.merchant_id
    foreign = LinkTokens([b"o" * 32], life_s=86_400)
    made = [
        tokens.make_link("bloom", JANAS_ID),
        tokens.make_unlink(shop_id, JANAS_ID, link.link_id),
        foreign.make_link(shop_id, JANAS_ID),
        gateway.tokens.make("member-1"),
        "x" * 2000,
    ]
    for token in made:
        response = await press_link(gateway, link_token=token)
        body = await response.json()
        assert (response.status, body["reason"]) == (400, "AWARD_TOKEN")
        assert body["message"] == f"Not linked: this panel cannot be used. {TAG}"
    made = [
        tokens.make_unlink("bloom", JANAS_ID, link.link_id),
        tokens.make_link(shop_id, JANAS_ID),
        foreign.make_unlink(shop_id, JANAS_ID, link.link_id),
        gateway.tokens.make_undo("A-1"),
    ]
    for token in made:
        response = await press_unlink(gateway, link, unlink_token=token)
        assert (response.status, (await response.json())["reason"]) == (400, "AWARD_TOKEN")
    assert await find_link(shop, links) == link
    assert shop.helpdesk.requests == []


async def test_press_without_a_credential_is_refused(shop: Shop, links: LinkStore) -> None:
    async with shop.gateway.session.post(f"{shop.gateway.url}/gorgias/actions/link-member") as response:
        body = await check_refused(response, shop, links)
        assert (response.status, body["reason"]) == (401, "CREDENTIAL")
        assert body["message"].startswith("Not linked. This button does not work any more.")


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.integers(1, 10**18 - 1), st.integers(1, 2**63 - 1))
def test_link_token_holds_its_parts(merchant_id: str, customer_id: int, link_id: int) -> None:
    tokens = LinkTokens([b"k" * 32], life_s=86_400)
    now = NOW.now(NOW.tzinfo)
    link, unlink = tokens.make_link(merchant_id, customer_id), tokens.make_unlink(merchant_id, customer_id, link_id)
    assert tokens.parse_link(link, merchant_id, now) == customer_id
    assert tokens.parse_unlink(unlink, merchant_id, now) == (customer_id, link_id)
    rotated = LinkTokens([b"n" * 32, b"k" * 32], life_s=86_400)
    assert rotated.parse_link(link, merchant_id, now) == customer_id
    for parse in (tokens.parse_link, tokens.parse_unlink):
        with pytest.raises(AwardTokenError) as caught:
            parse(link if parse == tokens.parse_unlink else unlink, merchant_id, now)
        assert not caught.value.is_absent
    with pytest.raises(AwardTokenError) as old:
        tokens.parse_link(link, merchant_id, now + timedelta(days=2))
    assert old.value.made_time is not None
    with pytest.raises(AwardTokenError):
        tokens.parse_link(link, f"{merchant_id}x", now)


@given(st.text(max_size=200))
@example("\ud800")
def test_any_other_text_is_refused_as_a_token(text: str) -> None:
    """The texts include some that UTF-8 cannot encode."""
    tokens = LinkTokens([b"k" * 32], life_s=86_400)
    with pytest.raises(AwardTokenError):
        tokens.parse_link(text, "acme", NOW)


@pytest.mark.parametrize("reason", [*HTTP_STATUS, "A_REASON_OF_NEXT_YEAR"])
def test_every_reason_reads_as_a_sentence(reason: str) -> None:
    error = LoyaltyCallError(reason, "inner", code=PRECONDITION, metadata={}, is_answered=True)
    for said in (say_link_refusal(error, "JN-4821", DEFAULT_SHOP, NOW), say_unlink_refusal(error, DEFAULT_SHOP, NOW)):
        assert said.startswith(("Not linked", "Not unlinked"))
        assert said.endswith((".", ". "))
        assert "inner" not in said
