"""Links, merges, moves and presses in any order: points go only to a member whom both panel and ticket name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.world import ADDRESSES, FIELDS, KINDS, LINKED, MEMBERS, TICKETS, Channel, Shown, World
from tests.gateway.edge.shared import Edge

Step: TypeAlias = "tuple[Any, ...]"


@asynccontextmanager
async def open_world(edge: Edge) -> AsyncIterator[World]:
    async with edge.open_shop() as shop:
        yield World(shop)


@pytest.fixture(autouse=True)
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered from one step to the next, so no step waits."""
    monkeypatch.setattr("gateway.links.service._REMEMBER_S", 0.0)
    for name in ("_REMEMBER_S", "_REMEMBER_FAILURE_S"):
        monkeypatch.setattr(f"gateway.customers.memory.{name}", 0.0)


async def see(world: World, ticket_id: int) -> Shown:
    await world.show(ticket_id)
    return world.panels[-1]


@pytest.mark.parametrize("redirects", [True, False])
async def test_link_follows_its_customer_and_pays_the_member(edge: Edge, redirects: bool) -> None:  # noqa: FBT001 - a parameter of a test
    async with open_world(edge) as world:
        assert await world.link(await see(world, 4713), 4713, "m-3") == "applied"
        panel = await see(world, 4713)
        assert await world.award(panel, 4713) == "applied"
        world.merge(103, 104, redirects=redirects)
        assert await world.award(panel, 4713) == "OTHER_CUSTOMER"  # the link moves with the next event
        moved = await see(world, 4713)
        assert (moved.member_id, moved.found_by) == ("m-3", LINKED)
        assert await world.award(moved, 4714) == "applied"
        assert world.shop.scripted.award_requests[0].identified_by == pb.IDENTIFIED_BY_LINK
        assert await world.unlink(panel, 4713) == "OTHER_CUSTOMER"
        assert await world.unlink(moved, 4713) == "applied"
        assert await world.award(moved, 4714) == "OTHER_CUSTOMER"


async def test_link_decides_before_the_addresses(edge: Edge) -> None:
    async with open_world(edge) as world:
        nobodys = await see(world, 4714)
        world.move(4714, 101)
        assert await world.link(nobodys, 4714, "m-3") == "OTHER_CUSTOMER"
        world.move(4714, 104)
        assert await world.link(nobodys, 4714, "m-2") == "applied"
        world.merge(101, 104, redirects=True)
        assert (await world.show(4711))["support_id"] == "M-2"


TICKET_IDS, CUSTOMER_IDS = st.sampled_from(sorted(TICKETS)), st.sampled_from(sorted(TICKETS.values()))
MEMBER_IDS, PANELS = st.sampled_from(sorted(MEMBERS)), st.integers(0, 9)
# These addresses find no member. Nor do the e-mail addresses of SELDOM, which look like a member's id or number.
OTHERS: list[Channel] = [("whatsapp", "+421900000002"), ("chat", "id-103"), ("phone", "m1@example.com")]
CHANNELS = st.sampled_from([*(one for each in MEMBERS.values() for one in each), *OTHERS])
PRESSES = st.tuples(st.sampled_from(["award", "award", "deduct", "undo"]), PANELS, TICKET_IDS)
STEPS = st.one_of(
    st.tuples(st.just("show"), TICKET_IDS),
    st.tuples(st.just("link"), PANELS, TICKET_IDS, MEMBER_IDS),
    st.tuples(st.just("unlink"), PANELS, TICKET_IDS),
    PRESSES,
    PRESSES,
    st.tuples(st.just("mistake"), PANELS, TICKET_IDS, st.sampled_from(sorted(FIELDS)), st.sampled_from(KINDS)),
    st.tuples(st.just("move"), TICKET_IDS, CUSTOMER_IDS),
    st.tuples(st.sampled_from(["give", "take"]), CUSTOMER_IDS, CHANNELS),
    st.tuples(st.just("merge"), CUSTOMER_IDS, CUSTOMER_IDS, st.booleans()),
    st.tuples(st.just("forget"), MEMBER_IDS),
)
LINK: list[Step] = [("show", 4713), ("link", 0, 4713, "m-3"), ("show", 4713)]
UNLINK: list[Step] = [("unlink", 0, 4713), ("show", 4713)]
PRESS: list[Step] = [("deduct", 0, 4713), ("undo", 0, 4713), ("award", 0, 4713), ("award", 0, 4712), ("award", 1, 4713)]
LINK_4714: list[Step] = [("show", 4714), ("link", 0, 4714, "m-3"), ("show", 4714), ("unlink", 0, 4714)]
LEFT: list[Step] = [("take", 102, ADDRESSES[102]), ("merge", 104, 102, False), ("show", 4712), ("award", 0, 4712)]
# Steps that random examples rarely combine.
SELDOM: list[list[Step]] = [
    [*LINK, *PRESS, ("forget", "m-3"), *PRESS, ("show", 4713), *PRESS],
    [*LINK, *UNLINK, ("give", 103, ("email", "m-3")), *PRESS],
    [*LINK, *UNLINK, ("link", 0, 4713, "m-2"), *PRESS, ("show", 4713), ("unlink", 2, 4713), *PRESS],
    [("give", 104, ("chat", "id-103")), *LINK, ("show", 4714), ("award", 0, 4714)],
    [*LINK_4714, *LINK, ("merge", 103, 104, True), ("show", 4714), ("award", 0, 4714)],
    [*LINK, ("merge", 103, 104, True), ("award", 0, 4714), ("show", 4714), *PRESS, ("unlink", 0, 4714), *PRESS],
    [("give", 104, ("email", "+421900000002")), ("show", 4712), ("award", 0, 4714)],
    [("give", 104, ("phone", "+421900000001")), ("show", 4712), ("award", 0, 4714)],
    [*LINK, ("unlink", 0, 4713), ("mistake", 0, 4713, "link-member", "unlink_token")],
    [*LINK_4714[:3], *LINK, ("merge", 103, 104, False), ("show", 4714), ("unlink", 0, 4714), *LEFT],
    [*LINK, *(("mistake", place, 4713, action, kind) for action in FIELDS for kind in KINDS for place in (0, 1))],
]


def with_examples(test: Any) -> Any:  # noqa: ANN401 - a test
    for steps in SELDOM:
        for remembers_links in (False, True):
            test = example(steps=steps, remembers_links=remembers_links)(test)
    return test


@given(steps=st.lists(STEPS, min_size=4, max_size=20), remembers_links=st.booleans())
@settings(max_examples=15)
@with_examples
async def test_points_go_only_to_the_panels_member_on_their_own_ticket(
    edge: Edge,
    steps: list[Step],
    remembers_links: bool,  # noqa: FBT001 - drawn
) -> None:
    """Earlier panels are pressed on any ticket, after any change since.

    A press may give points only if the ticket's customer still has the address or the link that found the panel's
    member.
    """
    async with open_world(edge) as world:
        with pytest.MonkeyPatch.context() as patch:
            if remembers_links:
                patch.setattr("gateway.links.service._REMEMBER_S", 60.0)
            for ticket_id in TICKETS:
                await world.show(ticket_id)
            for step in steps:
                await take_step(world, *step)


async def take_step(world: World, kind: str, *values: Any) -> None:  # noqa: ANN401 - of each kind of step
    match kind, values:
        case "show", [ticket_id]:
            await world.show(ticket_id)
        case "merge", [source_id, target_id, redirects]:
            world.merge(source_id, target_id, redirects=redirects)
        case "forget", [member_id]:
            await world.forget(member_id)
        case "move" | "give" | "take", _:
            getattr(world, kind)(*values)
        case _, [place, *rest]:
            await getattr(world, kind)(world.panels[-1 - place % len(world.panels)], *rest)
