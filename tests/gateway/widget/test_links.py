"""A panel's rows about links: a button if no member was found, and the agent's name if there is a link."""

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from yarl import URL

from gateway.links.link import Agent, NewLink
from gateway.links.store import LinkLimit, LinkStore
from gateway.wording.panel.link import say_link
from gateway.wording.shop import parse_shop
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED
from tests.gateway.edge.running import NOW, Gateway
from tests.gateway.edge.scripted import Failure
from tests.gateway.edge.shared import Shop
from tests.gateway.edge.shops import KEYS
from tests.gateway.widget.test_view import make_snapshot

NOBODY = Failure(grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND", {"fetch_time": "2026-11-23T12:55:00+00:00"})
SEVERAL = Failure(grpc.StatusCode.FAILED_PRECONDITION, "MEMBER_AMBIGUOUS", {"member_count": "2"})
# The visitor of the chat ticket has no address.
TICKET, CUSTOMER = "4714", "104"


async def get_panel(gateway: Gateway, email: str = "", customer_id: str = CUSTOMER) -> dict[str, Any]:
    url = gateway.make_widget_url(email, ticket_id=TICKET, customer_id=customer_id)
    async with gateway.session.get(URL(url, encoded=True)) as response:
        body: dict[str, Any] = await response.json()
    return body


async def press(gateway: Gateway, action: str, **values: str) -> dict[str, Any]:
    form = {"ticket_id": TICKET, "agent_name": "Ana Kovacs", **values}
    async with await gateway.post(action, form) as response:
        body: dict[str, Any] = await response.json()
    return body


async def test_chat_visitor_is_linked_gets_points_and_is_unlinked(shop: Shop) -> None:
    gateway = shop.gateway
    panel = await get_panel(gateway)
    assert (panel["status"], panel["linked"], panel["linked_text"]) == ("no_identity", [], "–")
    [button] = panel["link_member"]
    shop.scripted.snapshot, shop.scripted.award = make_snapshot(), APPLIED
    said = await press(gateway, "link-member", link_token=button["link_token"], support_id="JN-4821")
    assert said["status"] == "applied"
    shop.scripted.snapshot_requests.clear()
    panel = await get_panel(gateway)
    assert (panel["status"], panel["full_name"], panel["link_member"]) == ("member", "Jana Nováková", [])
    [row] = panel["linked"]
    assert row["title"] == panel["linked_text"] == "Linked by Ana Kovacs, 23 Nov"
    [request] = shop.scripted.snapshot_requests
    assert request.identity == pb.MemberIdentity(member_id="bf428af0")
    added = await press(gateway, "award-points", award_token=panel["award_token"], points="100")
    assert added["status"] == "applied"
    [award] = shop.scripted.award_requests
    assert (award.member_id, award.identified_by) == ("bf428af0", pb.IDENTIFIED_BY_LINK)
    said = await press(gateway, "unlink-member", unlink_token=row["unlink_token"])
    assert said["status"] == "applied"
    refused = await press(gateway, "award-points", award_token=panel["award_token"], points="100")
    assert (refused["reason"], len(shop.scripted.award_requests)) == ("OTHER_CUSTOMER", 1)
    panel = await get_panel(gateway)
    assert (panel["status"], len(panel["link_member"]), panel["linked"]) == ("no_identity", 1, [])


@pytest.mark.parametrize(("script", "status"), [(NOBODY, "not_member"), (SEVERAL, "ambiguous")])
async def test_button_is_there_if_no_member_or_several_were_found(shop: Shop, script: Failure, status: str) -> None:
    shop.scripted.snapshot = script
    panel = await get_panel(shop.gateway, "jana@example.com", "101")
    assert (panel["status"], panel["link_member"]) == (status, [{"link_token": panel["link_token"]}])
    assert (panel["linked"], panel["unlink_token"]) == ([], "not-linked")


async def test_panel_of_a_member_or_of_no_customer_says_why_there_is_no_button(shop: Shop) -> None:
    shop.scripted.snapshot = make_snapshot()
    panel = await get_panel(shop.gateway, "jana@example.com", "101")
    assert (panel["link_member"], panel["link_token"], panel["unlink_token"]) == ([], "has-member", "not-linked")
    shop.helpdesk.answer("GET /tickets/4714", {"id": 4714, "customer": None})
    panel = await get_panel(shop.gateway, customer_id="None")
    assert (panel["status"], panel["link_member"], panel["link_token"]) == ("no_identity", [], "no-customer")
    shop.scripted.snapshot = Failure(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    panel = await get_panel(shop.gateway, "jana@example.com", "101")
    assert (panel["status"], panel["link_member"], panel["link_token"]) == ("unavailable", [], "")


async def test_link_can_be_removed_although_its_member_cannot_be_read(shop: Shop) -> None:
    """The member is gone from TRIFFT, or TRIFFT is down."""
    links = LinkStore(shop.database, KEYS)
    new = NewLink(
        merchant_id=shop.gateway.merchant_id,
        customer_id=int(CUSTOMER),
        member_id="member-9",
        support_id="XX-1",
        agent=Agent(email="ana@acme.example"),
        ticket_id=4711,
    )
    await links.add(new, NOW, LinkLimit(most=9, day_start=NOW), lambda *_: False)
    for script in (NOBODY, Failure(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")):
        shop.scripted.snapshot = script
        panel = await get_panel(shop.gateway)
        assert (panel["link_member"], panel["link_token"]) == ([], "linked")
        assert [row["title"] for row in panel["linked"]] == ["Linked by ana, 23 Nov"]


async def test_refused_link_is_the_last_try_of_the_customers_next_panel(shop: Shop) -> None:
    """Gorgias may hide the text of a 4xx."""
    gateway = shop.gateway
    panel = await get_panel(gateway)
    token, shop.scripted.snapshot = panel["link_token"], NOBODY
    await press(gateway, "link-member", link_token=token, support_id="JN-48")
    panel = await get_panel(gateway)
    last_try = (
        f"Not linked at 13:55 (23 Nov, Ana Kovacs, ticket {TICKET}). No member has the support ID JN-48: "
        "check it with the customer."
    )
    assert [one["line"] for one in panel["last_try"]] == [panel["last_try_text"]] == [last_try]
    assert (await get_panel(gateway, customer_id="9999"))["last_try"] == []
    shop.scripted.snapshot = make_snapshot()
    await press(gateway, "link-member", link_token=token, support_id="JN-4821")
    assert (await get_panel(gateway))["last_try"] == []


async def test_unlink_removes_a_refusal_that_the_link_caused(shop: Shop) -> None:
    """Until the unlink, the linked customer's panel shows the refusal."""
    gateway = shop.gateway
    token, shop.scripted.snapshot = (await get_panel(gateway))["link_token"], make_snapshot()
    await press(gateway, "link-member", link_token=token, support_id="JN-4821")
    shop.scripted.snapshot = make_snapshot(member=pb.Member(member_id="member-2", support_id="ZO-5190"))
    refused = await press(gateway, "link-member", link_token=token, support_id="ZO-5190")
    assert refused["reason"] == "LINK_EXISTS"
    panel = await get_panel(gateway)
    assert panel["last_try_text"].startswith("Not linked at 13:55")
    await press(gateway, "unlink-member", unlink_token=panel["unlink_token"])
    assert (await get_panel(gateway))["last_try"] == []


SHOP = parse_shop(pb.Merchant(time_zone="Europe/Bratislava", locale="en"))


@pytest.mark.parametrize(
    ("agent", "time", "said"),
    [
        (("Ana", ""), datetime(2026, 11, 28, 12, tzinfo=UTC), "Linked by Ana, 28 Nov"),
        (("", "ana@acme.example"), datetime(2025, 11, 28, 12, tzinfo=UTC), "Linked by ana, 28 Nov 2025"),
        (("", ""), datetime(2025, 12, 31, 23, 30, tzinfo=UTC), "Linked on 1 Jan"),
        (("א", ""), datetime(2026, 11, 28, 12, tzinfo=UTC), "Linked by \u2068א\u2069, 28 Nov"),
        (("A" * 40, ""), datetime(2026, 11, 28, 12, tzinfo=UTC), f"Linked by {'A' * 31}…, 28 Nov"),
    ],
)
def test_row_names_the_agent_and_the_day_in_the_shops_zone(agent: tuple[str, str], time: datetime, said: str) -> None:
    assert say_link(*agent, time, SHOP, NOW) == said
