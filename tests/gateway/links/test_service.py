"""A customer's link, as panels and presses read it, and how it follows when Gorgias merges customers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from gateway.gorgias.errors import GorgiasContractError, GorgiasError
from gateway.gorgias.tickets import TicketClient
from gateway.gorgias.transport import Transport
from gateway.gorgias.whereabouts import CustomerState, Whereabouts, parse_location
from gateway.installation.store import InstallationStore
from gateway.links.link import Agent, EndKind, Link, LinkEnd, NewLink
from gateway.links.service import Links
from gateway.links.store import LinkLimit, LinkStore
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.gateway.edge.running import NOW
from tests.gateway.helpdesk import Helpdesk

OLD, NEW, OTHER = 101, 201, 102
CHANNELS = frozenset({("email", "jana@x.example"), ("chat", "4f1a")})
MORE = [*CHANNELS, ("phone", "+421900000001")]
GONE, THERE = Whereabouts(state=CustomerState.GONE), Whereabouts(state=CustomerState.THERE)


def moved_to(customer_id: int | None) -> Whereabouts:
    return Whereabouts(state=CustomerState.MOVED, moved_to=customer_id)


@dataclass
class Gorgias:
    """Its answer about every customer; None: no answer."""

    said: Whereabouts | None = None
    asked: list[int] = field(default_factory=list)

    async def fetch_whereabouts(self, customer_id: int) -> Whereabouts | None:
        self.asked.append(customer_id)
        return self.said


@dataclass
class Desk:
    store: LinkStore
    links: Links
    gorgias: Gorgias
    time_s: float = 0.0

    async def link(self, customer_id: int, member_id: str = "member-1", **changes: object) -> Link:
        fields: dict[str, object] = {"support_id": "JN-4821", "agent": Agent(name="Ana"), "channels": CHANNELS}
        new = NewLink(
            merchant_id="acme",
            customer_id=customer_id,
            member_id=member_id,
            ticket_id=4711,
            **(fields | changes),  # type: ignore[arg-type]
        )
        limit = LinkLimit(most=20, day_start=NOW)
        return (await self.links.link(new, NOW, limit, lambda *_: False)).link

    async def unlink(self, link: Link) -> None:
        end = LinkEnd(kind=EndKind.UNLINKED, agent=Agent(), ticket_id=4711, time=NOW)
        await self.links.unlink("acme", link.customer_id, link.link_id, end, lambda *_: False)

    async def adopt(
        self, channels: list[tuple[str, str]], customer_id: int = NEW, ticket_id: int | None = None
    ) -> Link | None:
        return await self.links.adopt(
            "acme", customer_id, channels, self.gorgias.fetch_whereabouts, NOW, ticket_id=ticket_id
        )


@pytest_asyncio.fixture(loop_scope="session")
async def desk(database: Database, keys: SecretKeys, installations: InstallationStore) -> Desk:  # noqa: ARG001 - acme
    made: list[Desk] = []
    store = LinkStore(database, keys)
    made.append(Desk(store, Links(store, clock=lambda: made[0].time_s), Gorgias()))
    return made[0]


async def test_panel_reads_a_link_at_most_a_second_old_and_a_press_reads_it_anew(desk: Desk) -> None:
    assert await desk.links.find("acme", OLD) is await desk.links.get("acme", OLD) is None
    elsewhere = Links(desk.store, clock=lambda: desk.time_s)
    assert await elsewhere.find("acme", OLD) is None
    link = await desk.link(OLD)
    assert await desk.links.find("acme", OLD) == link
    assert (await elsewhere.find("acme", OLD), await elsewhere.get("acme", OLD)) == (None, link)
    desk.time_s += 1.0
    assert await elsewhere.find("acme", OLD) == link
    await desk.unlink(link)
    assert (await desk.links.find("acme", OLD), await elsewhere.find("acme", OLD)) == (None, link)
    desk.time_s += 1.0
    assert await elsewhere.find("acme", OLD) is None


async def test_shop_without_links_is_read_once_a_second_for_all_its_customers(desk: Desk) -> None:
    elsewhere = Links(desk.store, clock=lambda: desk.time_s)
    assert await elsewhere.find("acme", OTHER) is None
    link = await desk.link(OLD)
    assert (await elsewhere.find("acme", OLD), await desk.links.find("acme", OLD)) == (None, link)
    desk.time_s += 1.0
    assert (await elsewhere.find("acme", OTHER), await elsewhere.find("acme", OLD)) == (None, link)


async def test_memory_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.links.service._CAPACITY", 3)
    await desk.link(OLD)
    for customer_id in range(1, 10):
        await desk.links.find("acme", customer_id)
    assert len(desk.links._held) == 3


@pytest.mark.parametrize(
    ("said", "channels"), [(moved_to(NEW), MORE), (moved_to(NEW), [("chat", "4f1a")]), (GONE, MORE)]
)
async def test_link_follows_a_merge_of_its_customer(
    desk: Desk, said: Whereabouts, channels: list[tuple[str, str]]
) -> None:
    """Gorgias redirects to the target, or does not know the source any more and the target has all its channels."""
    link = await desk.link(OLD)
    desk.gorgias.said = said
    assert await desk.links.find("acme", NEW) is None
    moved = await desk.adopt(channels)
    assert moved is not None
    assert (moved.customer_id, moved.moved_from_id, moved.member_id) == (NEW, link.link_id, link.member_id)
    assert await desk.links.find("acme", NEW) == moved
    assert await desk.links.get("acme", OLD) is None
    assert desk.gorgias.asked == [OLD]
    ended = await desk.store.get_by_id("acme", link.link_id)
    assert ended is not None
    assert ended.end is not None
    assert ended.end.kind is EndKind.MERGED


@pytest.mark.parametrize(
    ("said", "channels"),
    [
        (None, MORE),
        (THERE, MORE),
        (moved_to(OTHER), MORE),
        (moved_to(None), MORE),
        (GONE, [("chat", "4f1a")]),
    ],
    ids=["silent", "still there", "into somebody else", "who knows where", "not all of the channels"],
)
async def test_link_stays_if_gorgias_does_not_show_a_merge(
    desk: Desk, said: Whereabouts | None, channels: list[tuple[str, str]]
) -> None:
    link = await desk.link(OLD)
    desk.gorgias.said = said
    assert await desk.adopt(channels) is None
    assert await desk.links.get("acme", OLD) == link
    assert await desk.links.get("acme", NEW) is None


async def test_gorgias_is_not_asked_about_customers_without_a_shared_channel(desk: Desk) -> None:
    await desk.link(OLD)
    desk.gorgias.said = moved_to(NEW)
    for channels in ([], [("email", "other@x.example")], [("whatsapp", "4f1a")]):
        assert await desk.adopt(channels) is None
    assert desk.gorgias.asked == []


async def test_link_of_a_visitor_without_a_channel_follows_on_its_ticket(desk: Desk) -> None:
    """The link follows only if Gorgias itself names the target of the merge."""
    await desk.link(OLD, channels=frozenset())
    for said, ticket_id in ((moved_to(NEW), 4712), (moved_to(OTHER), 4711), (GONE, 4711), (THERE, 4711)):
        desk.gorgias.said = said
        assert await desk.adopt(MORE, ticket_id=ticket_id) is None
    assert desk.gorgias.asked == [OLD] * 3
    desk.gorgias.said = moved_to(NEW)
    moved = await desk.adopt(MORE, ticket_id=4711)
    assert moved == await desk.links.get("acme", NEW)
    assert moved is not None


async def test_merge_never_chooses_between_links_to_two_members(desk: Desk) -> None:
    for customer_id, member_id in ((OLD, "member-1"), (OTHER, "member-2")):
        await desk.link(customer_id, member_id)
    desk.gorgias.said = GONE
    assert await desk.adopt(MORE) is None
    assert desk.gorgias.asked == []


async def test_customer_who_was_unlinked_is_not_linked_again_by_a_merge(desk: Desk) -> None:
    """Both customers were linked to one member. A link to another member still follows."""
    await desk.link(OLD)
    await desk.unlink(await desk.link(NEW, channels=frozenset()))
    desk.gorgias.said = moved_to(NEW)
    assert await desk.adopt(MORE) is None
    assert desk.gorgias.asked == []
    other = await desk.link(OTHER, "member-2")
    desk.gorgias.said = GONE
    moved = await desk.adopt(MORE)
    assert (moved and moved.moved_from_id, desk.gorgias.asked) == (other.link_id, [OTHER])


async def test_two_links_to_one_member_count_as_one(desk: Desk) -> None:
    """Gorgias is asked about one of the customers only."""
    for customer_id in (OLD, OTHER):
        await desk.link(customer_id)
    desk.gorgias.said = GONE
    moved = await desk.adopt(MORE)
    assert (moved and moved.member_id, len(desk.gorgias.asked)) == ("member-1", 1)


async def test_own_link_is_never_replaced(desk: Desk) -> None:
    """The customer's own link was made while Gorgias was asked."""
    await desk.link(OLD)

    async def fetch_whereabouts(_customer_id: int) -> Whereabouts:
        await desk.link(NEW, "member-2")
        return GONE

    own = await desk.links.adopt("acme", NEW, MORE, fetch_whereabouts, NOW)
    assert own == await desk.links.get("acme", NEW)
    assert (own and own.member_id) == "member-2"


async def test_customer_is_not_merged_into_themselves(desk: Desk) -> None:
    link = await desk.link(OLD)
    desk.gorgias.said = moved_to(OLD)
    assert await desk.adopt(MORE, customer_id=OLD) is None
    assert (await desk.links.get("acme", OLD), desk.gorgias.asked) == (link, [])


@pytest.fixture
def tickets(helpdesk: Helpdesk, session: object) -> TicketClient:
    target = helpdesk.make_target()
    transport = Transport(session, target.gorgias_url, target.gorgias_user, target.gorgias_key)  # type: ignore[arg-type]
    return TicketClient(transport, target.gorgias_user)


Expected = Whereabouts | type[GorgiasError]
ANSWERS: list[tuple[Callable[[Helpdesk], object], Expected]] = [
    (lambda _: None, THERE),
    (lambda one: one.answer("GET /customers/101", {"id": 102}), GorgiasContractError),
    (lambda one: one.answer("GET /customers/101", {}, status=404), GONE),
    (lambda one: one.answer("GET /customers/101", status=301, Location="/api/customers/102"), moved_to(102)),
    (
        lambda one: one.answer("GET /customers/101", status=301, Location=f"{one.url}/gorgias/acme/api/customers/102/"),
        moved_to(102),
    ),
    (lambda one: one.answer("GET /customers/101", status=302, Location="/login"), moved_to(None)),
    (
        lambda one: one.answer("GET /customers/101", status=302, Location="/login?next=/api/customers/102"),
        moved_to(None),
    ),
    *(
        (lambda one, place=place: one.answer("GET /customers/101", status=301, Location=place), moved_to(None))
        for place in ("https://other.gorgias.com/api/customers/102", "//other.example/api/customers/102", "http://[")
    ),
    (lambda one: one.answer("GET /customers/101", status=301), moved_to(None)),
    (lambda one: one.answer("GET /customers/101", {}, status=503), GorgiasError),
]


async def test_gorgias_answer_shows_a_merge(
    helpdesk: Helpdesk, tickets: TicketClient, subtests: pytest.Subtests
) -> None:
    """The client does not follow redirects."""
    for place, (change, expected) in enumerate(ANSWERS):
        with subtests.test(place=place):
            helpdesk.clear()
            change(helpdesk)
            if isinstance(expected, Whereabouts):
                assert await tickets.fetch_whereabouts(101) == expected
            else:
                with pytest.raises(expected):
                    await tickets.fetch_whereabouts(101)
            assert helpdesk.requests == ["GET /customers/101"]


@given(
    st.integers(1, 10**18 - 1), st.sampled_from(["", "https://acme.gorgias.com", "http://127.0.0.1:8090/gorgias/acme"])
)
def test_location_header_gives_the_customer_s_id(customer_id: int, base: str) -> None:
    assert parse_location(f"{base}/api/customers/{customer_id}") == customer_id
    for other in (
        f"{base}/api/tickets/{customer_id}",
        f"{base}/api/customers/{customer_id}/data",
        f"{base}/0{customer_id}",
    ):
        assert parse_location(other) is None
