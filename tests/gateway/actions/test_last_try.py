"""Gorgias may hide the text of a refusal, so the member's next panel shows it for a while."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import grpc
import msgspec
import pytest
import pytest_asyncio

from gateway.actions.refusals import KEPT, KEPT_PASSING, LastRefusals, Refusal, make_last_refusal
from gateway.wording.panel.last_try import say_last_try
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED, UNDONE, make_response
from tests.gateway.edge.running import NOW, PETER, Gateway, make_time, run_gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.edge.shared import Edge, Shop

Loyalty: TypeAlias = "tuple[ScriptedLoyalty, str, grpc.aio.Server]"
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
BUSY = Failure(grpc.StatusCode.UNAVAILABLE, "PROVIDER_THROTTLED")
SHOP = msgspec.structs.replace(DEFAULT_SHOP, zone=ZoneInfo("Europe/Bratislava"))


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop with a member."""
    shop.scripted.snapshot = make_snapshot("member-1")
    return shop


def make_snapshot(member_id: str) -> pb.Snapshot:
    """Make a snapshot of a member with an award that can be undone."""
    award = pb.Award(award_id="A-10482", points=100, state=pb.AWARD_STATE_APPLIED, ticket_id="4711")
    award.create_time.FromDatetime(NOW)
    award.reverse_expire_time.FromDatetime(NOW + timedelta(minutes=30))
    member = pb.Member(member_id=member_id, full_name="Jana Nováková", status=pb.MEMBER_STATUS_ACTIVE)
    return pb.Snapshot(
        merchant_id="acme",
        member=member,
        fetch_time=make_time(NOW),
        given_by_support=pb.SupportAwards(awards=[award]),
    )


async def look(gateway: Gateway) -> Mapping[str, Any]:
    panel: Mapping[str, Any] = await (await gateway.get_widget()).json()
    return panel


def read_rows(panel: Mapping[str, Any]) -> list[str]:
    """Read the row as both templates show it."""
    lines = [row["line"] for row in panel["last_try"]]
    assert panel["last_try_text"] == (lines[0] if lines else "–")
    return lines


async def test_panel_shows_why_the_last_press_was_refused(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    assert read_rows(await look(gateway)) == []
    metadata = {"limit": "per_ticket", "maximum": "500", "used": "380", "left": "120"}
    scripted.award = Failure(PRECONDITION, "LIMIT_EXCEEDED", metadata)
    await gateway.press(agent_name="Ana", agent_email="ana@acme.example")
    assert read_rows(await look(gateway)) == [
        (
            "Not added at 13:55 (23 Nov, Ana, ticket 4711): 380 of 500 points for ticket 4711 are used. "
            "You can add up to 120. For more, ask a manager."
        )
    ]


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("LIMIT_EXCEEDED", KEPT),
        ("PROVIDER_THROTTLED", KEPT_PASSING),
        ("AWARD_IN_DOUBT", KEPT_PASSING),
        ("RATE_LIMITED", KEPT_PASSING),
    ],
)
def test_refusal_whose_cause_passes_is_shown_for_a_shorter_time(reason: str, kept: timedelta) -> None:
    """An agent who reads "Try again in 1 minute" six minutes later would wait in vain."""
    refusals = LastRefusals()
    refusals.put("acme", "member-1", make_last_refusal("Not added.", reason, {}, NOW))
    assert refusals.find("acme", "member-1", NOW + kept - timedelta(seconds=1)) is not None
    assert refusals.find("acme", "member-1", NOW + kept) is None


async def test_panel_shows_the_newest_of_several_refusals(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = BUSY
    await gateway.press()
    await gateway.press(points="ten", agent_email="ben@acme.example")
    panel = await look(gateway)
    assert read_rows(panel) == [
        "Not added at 13:55 (23 Nov, ben, ticket 4711). Enter whole points from 1 to 500, for example 100."
    ]
    assert "acme.example" not in str(panel)


async def test_refused_undo_is_shown_on_its_members_panel(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.reversal = Failure(PRECONDITION, "REVERSAL_TOO_LATE", {"expire_time": "2026-11-23T12:32:00.000Z"})
    await gateway.press_undo(undo_token=(await look(gateway))["undo_token"])
    assert read_rows(await look(gateway)) == [
        "Not undone at 13:55 (23 Nov, ticket 4711): award A-10482 could be undone until 13:32. Ask a manager."
    ]


ANSWERED: list[pb.AwardPointsResponse] = [
    APPLIED,
    make_response(pb.AWARD_STATE_APPLIED, replayed=True),
    make_response(pb.AWARD_STATE_UNKNOWN),
]


async def test_row_is_gone_after_a_press_that_was_answered(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for outcome in ANSWERED:
        with subtests.test(outcome=outcome):
            scripted.award = BUSY
            await gateway.press()
            scripted.award = outcome
            await gateway.press()
            assert read_rows(await look(gateway)) == []


async def test_row_is_gone_after_an_undo(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award, scripted.reversal = BUSY, UNDONE
    await gateway.press()
    await gateway.press_undo(undo_token=(await look(gateway))["undo_token"])
    assert read_rows(await look(gateway)) == []


async def test_refusal_is_on_no_other_members_panel(edge: Edge, gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """An event of another member, or of the same member id in another shop, does not remove it either."""
    scripted.award = BUSY
    await gateway.press()
    scripted.award = APPLIED
    other = gateway.tokens.make("member-2", PETER)
    assert (await gateway.press(award_token=other, ticket_id="4726")).status == 200
    assert len(read_rows(await look(gateway))) == 1
    scripted.snapshot = make_snapshot("member-2")
    assert read_rows(await look(gateway)) == []
    scripted.snapshot = make_snapshot("member-1")
    async with edge.open_shop() as foreign:
        foreign.scripted.snapshot = make_snapshot("member-1")
        assert read_rows(await look(foreign.gateway)) == []


NO_MEMBERS: list[str] = ["x", "", "no-member"]


async def test_refusal_of_a_panel_without_a_member_is_shown_on_no_panel(
    gateway: Gateway, subtests: pytest.Subtests
) -> None:
    for token in NO_MEMBERS:
        with subtests.test(token=token):
            await gateway.press(award_token=token)
            assert read_rows(await look(gateway)) == []


async def test_refusal_that_agents_read_is_not_shown_again(folder: Path, loyalty: Loyalty) -> None:
    loyalty[0].snapshot, loyalty[0].award = make_snapshot("member-1"), BUSY
    async with run_gateway(folder, loyalty[1], refusal_status="200") as gateway:
        await gateway.press()
        assert read_rows(await look(gateway)) == []


@pytest_asyncio.fixture(loop_scope="session")
async def old_panels(folder: Path, loyalty: Loyalty) -> AsyncIterator[Gateway]:
    """A gateway whose panels expire at once."""
    loyalty[0].snapshot = make_snapshot("member-1")
    async with run_gateway(folder, loyalty[1], award_token_life_s=-86_400 * 3650) as gateway:
        yield gateway


async def test_refusal_of_an_old_panel_is_shown_on_the_new_one(old_panels: Gateway) -> None:
    """An old token still names its member, which is enough to show the refusal."""
    panel = await look(old_panels)
    await old_panels.press(award_token=panel["award_token"])
    [row] = read_rows(await look(old_panels))
    assert row.startswith("Not added at 13:55 (23 Nov, ticket 4711): this panel is from ")
    await old_panels.press_undo(undo_token=panel["undo_token"])
    [row] = read_rows(await look(old_panels))
    assert row.startswith("Not undone at 13:55 (23 Nov, ticket 4711): this panel is from ")


def make_refusal(**fields: Any) -> Refusal:  # noqa: ANN401 - any field
    return Refusal(**{"message": "Not added: x.", "time": NOW, **fields})


def test_refusal_is_shown_for_some_minutes_only() -> None:
    refusals, refusal = LastRefusals(), make_refusal()
    refusals.put("acme", "member-1", refusal)
    assert refusals.find("acme", "member-1", NOW + KEPT - timedelta(seconds=1)) == refusal
    assert refusals.find("acme", "member-1", NOW + KEPT) is None


def test_refusals_are_bounded_and_the_oldest_go_first() -> None:
    refusals = LastRefusals(capacity=2)
    for member_id in ("a", "b", "a", "c"):
        refusals.put("acme", member_id, make_refusal())
    assert [refusals.find("acme", one, NOW) is not None for one in "abc"] == [True, False, True]


def test_members_are_not_kept_longer_than_their_refusals() -> None:
    refusals = LastRefusals()
    for member_id, minutes in (("a", 0), ("b", 5), ("c", 12)):
        refusals.put("acme", member_id, make_refusal(time=NOW + timedelta(minutes=minutes)))
    assert len(refusals) == 2


@pytest.mark.parametrize(
    ("refusal", "line"),
    [
        (make_refusal(), "Not added at 13:55 (23 Nov): x."),
        (make_refusal(message="Not undone. A: b. C."), "Not undone at 13:55 (23 Nov). A: b. C."),
        (make_refusal(agent="An\u202ea\n", ticket_id="4711"), "Not added at 13:55 (23 Nov, Ana, ticket 4711): x."),
        (make_refusal(agent="\u05d0\u05d1"), "Not added at 13:55 (23 Nov, \u2068\u05d0\u05d1\u2069): x."),
        (make_refusal(time=datetime(2026, 12, 31, 23, 30, tzinfo=UTC)), "Not added at 00:30 (1 Jan): x."),
        (make_refusal(message="Odd"), "Odd at 13:55 (23 Nov)"),
    ],
)
def test_row_names_day_agent_and_ticket(refusal: Refusal, line: str) -> None:
    assert say_last_try(refusal.message, refusal.time, SHOP, ticket_id=refusal.ticket_id, agent=refusal.agent) == line
