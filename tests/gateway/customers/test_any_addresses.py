"""For any addresses of customers and members, a ticket shows a member of its own customer, or none."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.gateway.customers.town import LINES, ON_FILE, OPAQUE, Text, Town, name_kind, open_town

COUNT = 3
Step: TypeAlias = "tuple[Any, ...]"
OWN_CHANNEL: Text = ("email", "Help@shop.example")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Members by their data in TRIFFT, the channels of each customer, and the steps."""

    members: list[tuple[str | None, str | None]]
    channels: list[list[Text]]
    steps: list[Step] = field(default_factory=list)
    redirects: bool = True
    remembers: bool = False


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(installed_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    shutil.copy(installed_file, folder / "gateway.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.app._MERCHANT_TIMEOUT_S", 60.0)
        patch.setattr("gateway.installation.accounts.LOOKUP_TIMEOUT_S", 60.0)
        patch.setattr("gateway.links.service._REMEMBER_S", 0.0)
        patch.setattr("gateway.links.service._WAIT_S", 60.0)
        async with open_town(folder) as opened:
            yield opened


EMAILS = [name for name, spelled in LINES.items() if "@" in spelled[0]]
PHONES = [name for name in LINES if name not in EMAILS]
PLACES, TICKETS = st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)
FORMS = st.sampled_from(["plain", "plain", "encoded", "cut", "unnamed"])


@st.composite
def draw_scenes(draw: st.DrawFn) -> Scene:
    """Draw scenes with few addresses, so that people share some."""
    emails = draw(st.lists(st.sampled_from(EMAILS), min_size=1, max_size=3, unique=True))
    phones = draw(st.lists(st.sampled_from(PHONES), min_size=1, max_size=2, unique=True))
    # Members who share an address have it in the same spelling.
    email, phone = (
        st.sampled_from([None, *(draw(st.sampled_from(ON_FILE[name])) for name in names)]) for names in (emails, phones)
    )
    spelled = [(name_kind(one), one) for name in (*emails, *phones) for one in LINES[name]]
    named = st.sampled_from(spelled)
    channels = st.lists(st.one_of(named, named, named, st.sampled_from(OPAQUE)), max_size=4)
    member = st.integers(0, 4)
    steps = st.one_of(
        st.tuples(st.just("look"), TICKETS, FORMS),
        st.tuples(st.just("look"), TICKETS, st.just("plain")),
        st.tuples(st.just("set_channels"), PLACES, channels),
        st.tuples(st.just("move"), TICKETS, PLACES),
        st.tuples(st.just("merge"), PLACES, PLACES),
        st.tuples(st.just("change"), member, email, phone),
        st.tuples(st.just("link"), TICKETS, member),
        st.tuples(st.just("unlink"), TICKETS),
    )
    return Scene(
        members=draw(st.lists(st.tuples(email, phone), min_size=2, max_size=5)),
        channels=draw(st.lists(channels, min_size=COUNT, max_size=COUNT)),
        steps=draw(st.lists(steps, max_size=8)),
        redirects=draw(st.booleans()),
        remembers=draw(st.booleans()),
    )


JANA, PHONE = "jana@example.com", "+421900000001"
CHAT = ("whatsapp", "421900000001")
TWO = [(JANA, None), (None, PHONE)]
LOOK = ("look", 0, "unnamed")
WITH_PHONE: list[list[Text]] = [[("phone", "0900 000 001")], [], [("facebook-messenger", JANA)]]
OLD_SPELLINGS = Scene(
    members=[(None, "+5215512345678"), (None, "+551161234567")],
    channels=[[("phone", "+525512345678")], [("phone", "+5511961234567")], []],
)
BOTH: list[Text] = [("email", "a@bucher.example"), ("phone", PHONE), ("email", JANA)]
SHARP: list[Text] = [("email", "strasse@example.com"), ("email", "x@example.com")]
# Each of the first three is searched for in several spellings.
MANY: list[Text] = [
    *(("email", one) for one in ("a@xn--bcher-kva.example", "STRAßE@example.com", "A@bücher.example")),
    *(("email", one) for one in ("Jana@Example.COM", "strasse@example.com", "a@bucher.example")),
]


@given(draw_scenes())
@settings(max_examples=15)
@example(Scene(members=TWO, channels=WITH_PHONE, steps=[LOOK, ("move", 0, 1), LOOK], remembers=True))
@example(Scene(members=TWO, channels=WITH_PHONE, steps=[("look", 0, "cut"), ("move", 0, 1), ("look", 0, "cut")]))
@example(Scene(members=TWO, channels=[BOTH, [("email", "x@example.com"), *BOTH[1:]], [*BOTH[1:], *WITH_PHONE[0]]]))
@example(Scene(members=[("help@shop.example", None)], channels=[[BOTH[0], OWN_CHANNEL], [OWN_CHANNEL], [CHAT]]))
@example(OLD_SPELLINGS)
@example(Scene(members=[(None, PHONE)], channels=[MANY, [], []]))
@example(
    Scene(members=[(JANA, None), ("a@bucher.example", None)], channels=[[("email", "x@example.com"), *BOTH], [], []])
)
@example(Scene(members=[("straße@example.com", None)], channels=[SHARP[:1], SHARP, []]))
@example(
    Scene(members=TWO, channels=[[CHAT], [CHAT], []], steps=[("link", 0, 1), ("look", 1, "plain"), ("merge", 0, 2)])
)
async def test_no_member_is_shown_to_another_person(town: Town, scene: Scene) -> None:
    """The member shown is the linked one, or the only member found by the first group that finds any.

    If the ticket's e-mail finds a member, Gorgias is not asked, and TRIFFT is asked only for that e-mail.
    """
    await town.settle(scene.members, COUNT, redirects=scene.redirects)
    town.is_remembering = scene.remembers
    for customer_id, of_customer in zip(town.customers, scene.channels, strict=True):
        town.set_channels(customer_id, of_customer)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_REMEMBER_S", "_REMEMBER_FAILURE_S") if not scene.remembers else ():
            patch.setattr(f"gateway.customers.memory.{name}", 0.0)
        for ticket_id in town.tickets:
            await town.look(ticket_id, "plain")
        for step in scene.steps:
            await take(town, step)
        for ticket_id in town.tickets:
            await town.look(ticket_id, "plain")


async def take(town: Town, step: Step) -> None:
    match step:
        case "look", ticket, form:
            await town.look(town.tickets[ticket], form)
        case "set_channels", place, channels:
            town.set_channels(town.customers[place], channels)
        case "move", ticket, place:
            town.move(town.tickets[ticket], town.customers[place])
        case "merge", source, target:
            await town.merge(town.customers[source], town.customers[target])
        case "change", place, email, phone:
            member = town.members[place % len(town.members)]
            member.email, member.phone = email, phone
        case "link", ticket, place:
            await town.link(town.tickets[ticket], town.members[place % len(town.members)])
        case "unlink", ticket:
            await town.unlink(town.tickets[ticket])
