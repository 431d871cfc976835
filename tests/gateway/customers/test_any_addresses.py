"""Whatever addresses customers and members have: a ticket shows a member of its customer's, or nobody."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.gateway.customers.town import LINES, ON_FILE, OPAQUE, Town, name_kind, open_town

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 3
Step: TypeAlias = "tuple[Any, ...]"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(installed_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    shutil.copy(installed_file, folder / "gateway.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.app._MERCHANT_TIMEOUT_S", 60.0)
        patch.setattr("gateway.installation.accounts.LOOKUP_TIMEOUT_S", 60.0)
        patch.setattr("gateway.customers.links._REMEMBER_S", 0.0)
        patch.setattr("gateway.customers.search._DATABASE_S", 60.0)
        async with open_town(folder) as opened:
            yield opened


EMAILS = [name for name, spelled in LINES.items() if "@" in spelled[0]]
PHONES = [name for name in LINES if name not in EMAILS]
# All who have one address on file have it in one spelling.
SPELLED = st.fixed_dictionaries({name: st.sampled_from(spelled) for name, spelled in ON_FILE.items()})
PLACES, TICKETS = st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)
NAMED = st.sampled_from([(name_kind(one), one) for spelled in LINES.values() for one in spelled])
CHANNELS = st.lists(st.one_of(NAMED, NAMED, NAMED, st.sampled_from(OPAQUE)), max_size=4)
MEMBERS = st.lists(
    st.tuples(st.one_of(st.none(), st.sampled_from(EMAILS)), st.one_of(st.none(), st.sampled_from(PHONES))),
    min_size=2,
    max_size=5,
)
STEPS = st.one_of(
    st.tuples(st.just("look"), TICKETS, st.sampled_from(["plain", "encoded", "cut", "unnamed"])),
    st.tuples(st.just("look"), TICKETS, st.just("plain")),
    st.tuples(st.just("set_channels"), PLACES, CHANNELS),
    st.tuples(st.just("move"), TICKETS, PLACES),
    st.tuples(st.just("merge"), PLACES, PLACES),
    st.tuples(st.just("change"), st.integers(0, 4), st.sampled_from(EMAILS), st.sampled_from(PHONES)),
    st.tuples(st.just("link"), TICKETS, st.integers(0, 4)),
    st.tuples(st.just("unlink"), TICKETS),
)


@given(
    SPELLED,
    MEMBERS,
    st.lists(CHANNELS, min_size=COUNT, max_size=COUNT),
    st.lists(STEPS, max_size=8),
    st.booleans(),
    st.booleans(),
)
@example(
    {name: spelled[0] for name, spelled in ON_FILE.items()},
    [(None, "sk"), (None, None)],
    [[("phone", "0900 000 001")], [], []],
    [("look", 0, "unnamed"), ("move", 0, 1), ("look", 0, "unnamed")],
    True,  # noqa: FBT003 - drawn otherwise
    True,  # noqa: FBT003 - drawn otherwise
)
@settings(max_examples=30, phases=[Phase.explicit, Phase.generate])
async def test_no_member_is_shown_to_somebody_else(  # noqa: PLR0913 - who is there, and what happens
    town: Town,
    spelled: dict[str, str],
    members: list[tuple[str | None, str | None]],
    channels: list[list[tuple[str, str]]],
    steps: list[Step],
    redirects: bool,  # noqa: FBT001 - drawn
    remembers: bool,  # noqa: FBT001 - drawn
) -> None:
    """The member shown is the one whom the first group finds that finds anybody, or the linked one.

    Where the ticket's e-mail finds somebody, Gorgias is not asked, and TRIFFT as often as for that e-mail alone.
    """
    on_file = [(spelled.get(email or ""), spelled.get(phone or "")) for email, phone in members]
    town.settle(on_file, COUNT, redirects=redirects)
    town.is_remembering = remembers
    for customer_id, of_customer in zip(town.customers, channels, strict=True):
        town.set_channels(customer_id, of_customer)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_REMEMBER_S", "_REMEMBER_FAILURE_S") if not remembers else ():
            patch.setattr(f"gateway.customers.memory.{name}", 0.0)
        for ticket_id in town.tickets:
            await town.look(ticket_id, "plain")
        for step in steps:
            await take(town, step, spelled)
        for ticket_id in town.tickets:
            await town.look(ticket_id, "plain")


async def take(town: Town, step: Step, spelled: dict[str, str]) -> None:
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
            member.email, member.phone = spelled[email], spelled[phone]
        case "link", ticket, place:
            await town.link(town.tickets[ticket], town.members[place % len(town.members)])
        case "unlink", ticket:
            await town.unlink(town.tickets[ticket])
