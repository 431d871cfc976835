"""The record of links on both engines: a customer has one at a time, each counts, and each can be forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy.exc import IntegrityError

from gateway.database import open_database
from gateway.errors import CredentialError
from gateway.installation.store import InstallationStore, Target
from gateway.links.errors import LinkExistsError, LinkGoneError, LinkLimitError
from gateway.links.link import Agent, EndKind, LinkEnd, NewLink
from gateway.links.store import Change, LinkLimit, LinkStore
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.databases import OpenDatabase
from tests.statements import execute, fetch_rows

OLD_KEY, NEW_KEY = "A" * 43 + "=", "B" * 43 + "="
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANA = Agent(name="Ana Kovacs", email="ana@acme.example")
CHANNELS = frozenset({("email", "Jana@x.example"), ("chat", "4f1a")})


@pytest_asyncio.fixture(loop_scope="session")
async def opened(each_open: OpenDatabase) -> Database:
    for merchant_id in ("acme", "bloom"):
        await InstallationStore(each_open.database, SecretKeys([OLD_KEY])).add(
            merchant_id,
            Target(
                gorgias_url=f"https://{merchant_id}.gorgias.com",
                gorgias_user="u",
                gorgias_key="k",
                template="list",
                public_url="https://e.example",
            ),
        )
    return each_open.database


@pytest.fixture
def links(opened: Database) -> LinkStore:
    return LinkStore(opened, SecretKeys([OLD_KEY]))


def make_new(customer_id: int = 101, member_id: str = "member-1", **changes: object) -> NewLink:
    fields: dict[str, object] = {
        "merchant_id": "acme",
        "support_id": "JN-4821",
        "agent": ANA,
        "ticket_id": 4711,
        "channels": CHANNELS,
    }
    return NewLink(customer_id=customer_id, member_id=member_id, **(fields | changes))  # type: ignore[arg-type]


async def add(links: LinkStore, new: NewLink, now: datetime = NOON, most: int = 20) -> Change:
    day_start = now.replace(hour=0, minute=0)
    return await links.add(new, now, LinkLimit(most=most, day_start=day_start), lambda *_: False)


def make_end(kind: EndKind = EndKind.UNLINKED, agent: Agent = ANA) -> LinkEnd:
    return LinkEnd(kind=kind, agent=agent, ticket_id=4712, time=NOON)


async def test_link_lasts_until_it_is_ended_and_stays_on_record(links: LinkStore) -> None:
    made = (await add(links, make_new())).link
    assert (made.member_id, made.support_id, made.agent, made.ticket_id) == ("member-1", "JN-4821", ANA, 4711)
    assert (made.link_time, made.end) == (NOON, None)
    assert await links.get("acme", 101) == await links.get_by_id("acme", made.link_id) == made
    assert await links.get("bloom", 101) is await links.get_by_id("bloom", made.link_id) is None
    ended = await links.end("acme", 101, made.link_id, make_end())
    assert (ended.is_new, ended.link.end) == (True, make_end())
    again = await links.end("acme", 101, made.link_id, make_end(agent=Agent(name="Ben")))
    assert again == Change(link=ended.link, is_new=False)
    assert await links.get("acme", 101) is None
    other = (await add(links, make_new(member_id="member-2"))).link
    assert [one.link_id for one in await links.list_links("acme")] == [other.link_id, made.link_id]


async def test_link_of_another_customer_cannot_be_ended(links: LinkStore) -> None:
    made = (await add(links, make_new())).link
    for merchant_id, customer_id, link_id in (("acme", 102, made.link_id), ("bloom", 101, made.link_id)):
        with pytest.raises(LinkGoneError):
            await links.end(merchant_id, customer_id, link_id, make_end())
    with pytest.raises(LinkGoneError):
        await links.end("acme", 102, None, make_end())
    assert (await links.end("acme", 101, None, make_end(EndKind.REMOVED))).is_new


async def test_customer_has_one_link_and_a_member_has_many(links: LinkStore) -> None:
    first = await add(links, make_new())
    again = await add(links, make_new(agent=Agent(name="Ben"), ticket_id=4712))
    assert (first.is_new, again) == (True, Change(link=first.link, is_new=False))
    with pytest.raises(LinkExistsError) as caught:
        await add(links, make_new(member_id="member-2"))
    assert caught.value.link == first.link
    assert (await add(links, make_new(102))).is_new
    assert (await add(links, make_new(merchant_id="bloom", member_id="member-9"))).is_new


async def test_processes_that_link_one_customer_at_once_make_one_link(
    each_open: OpenDatabase, opened: Database
) -> None:
    async with open_database(each_open.url) as other:
        stores = [LinkStore(database, SecretKeys([OLD_KEY])) for database in (opened, other)]
        done = await asyncio.gather(
            *(add(stores[place % 2], make_new(member_id=f"member-{place}")) for place in range(6)),
            return_exceptions=True,
        )
    made = [one for one in done if isinstance(one, Change)]
    assert [type(one) for one in done].count(LinkExistsError) == 5
    assert await stores[0].list_links("acme") == [made[0].link]


async def test_database_itself_allows_one_link_of_a_customer(opened: Database, links: LinkStore) -> None:
    await add(links, make_new())
    columns = "merchant_id, customer_id, member_id, support_id, agent_name, agent_email, agent_key, ticket_id"
    with pytest.raises(IntegrityError):
        await execute(
            opened,
            f"INSERT INTO customer_links ({columns}, link_time_ms)"  # noqa: S608 - constants
            " VALUES ('acme', 101, 'member-2', '', '', '', '', 4711, 0)",
        )


async def test_agent_can_make_only_so_many_links_in_a_day(links: LinkStore) -> None:
    """Ended links count, too. Another spelling of the address is the same agent."""
    await add(links, make_new(101))
    await links.end("acme", 101, None, make_end())
    await add(links, make_new(102), most=2)
    for agent in (ANA, Agent(name="Somebody", email="ANA@acme.example")):
        with pytest.raises(LinkLimitError):
            await add(links, make_new(103, agent=agent), most=2)
    assert not (await add(links, make_new(102), most=2)).is_new
    assert (await add(links, make_new(103, agent=Agent(name="Ben")), most=1)).is_new
    assert (await add(links, make_new(104), NOON + timedelta(days=1), most=1)).is_new
    assert (await add(links, make_new(105, agent=Agent()), most=1)).is_new
    with pytest.raises(LinkLimitError):  # agents without a name share one count
        await add(links, make_new(106, agent=Agent()), most=1)


async def test_processes_that_link_at_once_keep_to_the_limit(each_open: OpenDatabase, opened: Database) -> None:
    async with open_database(each_open.url) as other:
        stores = [LinkStore(database, SecretKeys([OLD_KEY])) for database in (opened, other)]
        done = await asyncio.gather(
            *(add(stores[place % 2], make_new(100 + place), most=3) for place in range(8)), return_exceptions=True
        )
    assert [type(one) for one in done].count(LinkLimitError) == 5


async def test_link_and_its_note_are_recorded_together_or_not_at_all(opened: Database, links: LinkStore) -> None:
    def fail(*_: object) -> bool:
        raise ValueError

    limit = LinkLimit(most=1, day_start=NOON)
    with pytest.raises(ValueError):  # noqa: PT011 - raised by the test itself
        await links.add(make_new(), NOON, limit, fail)
    assert await links.list_links("acme") == []
    assert await fetch_rows(opened, "SELECT * FROM customer_link_channels") == []
    assert (await links.add(make_new(), NOON, limit, lambda *_: True)).is_noted


async def test_uninstalled_shop_has_no_link_and_gets_none(opened: Database, links: LinkStore) -> None:
    gone = (await add(links, make_new())).link
    kept = await add(links, make_new(merchant_id="bloom"))
    await InstallationStore(opened, SecretKeys([OLD_KEY])).delete("acme")
    with pytest.raises(CredentialError):
        await add(links, make_new())
    with pytest.raises(CredentialError):
        await links.end("acme", 101, gone.link_id, make_end(), lambda *_: False)
    assert await links.list_links("acme") == []
    assert await links.list_links("bloom") == [kept.link]
    assert {one["merchant_id"] for one in await fetch_rows(opened, "SELECT * FROM customer_link_channels")} == {"bloom"}


async def test_number_of_a_deleted_link_is_never_used_again(links: LinkStore) -> None:
    """A note may name the old link."""
    first = (await add(links, make_new())).link
    assert await links.forget("acme", member_ids=["member-1"], support_ids=[], channels=[]) == 1
    assert (await add(links, make_new())).link.link_id > first.link_id


async def test_channels_are_kept_as_hashes_while_the_link_stands(opened: Database, links: LinkStore) -> None:
    await add(links, make_new())
    kept = await fetch_rows(opened, "SELECT * FROM customer_link_channels")
    assert len(kept) == 2
    assert not any(word in str(kept).lower() for word in ("jana", "4f1a", "x.example"))
    await links.end("acme", 101, None, make_end())
    assert await fetch_rows(opened, "SELECT * FROM customer_link_channels") == []


async def test_candidates_are_found_by_a_channel_hashed_with_any_key(opened: Database, links: LinkStore) -> None:
    made = (await add(links, make_new())).link
    rotated = LinkStore(opened, SecretKeys([NEW_KEY, OLD_KEY]))
    other = (await add(rotated, make_new(102, "member-2", channels=frozenset({("phone", "+421900000001")})))).link
    for channels, found in (
        ([("email", "jana@x.example")], [made]),
        ([("email", "JANA@X.EXAMPLE"), ("phone", "+421900000001")], [made, other]),
        ([("phone", "tel:+421 900 000 001")], [other]),
        ([("whatsapp", "4f1a"), ("email", "4f1a"), ("sms", "+421900000001")], []),
        ([], []),
    ):
        assert await rotated.list_candidates("acme", 999, channels) == found
    assert await rotated.list_candidates("bloom", 999, [("email", "jana@x.example")]) == []
    assert await rotated.has_all_channels(made, [*CHANNELS, ("phone", "1")])
    assert not await rotated.has_all_channels(made, [("email", "jana@x.example")])


async def test_link_without_channels_never_counts_as_having_all_of_them(links: LinkStore) -> None:
    made = (await add(links, make_new(channels=frozenset()))).link
    assert not await links.has_all_channels(made, CHANNELS)


async def test_moved_link_keeps_its_agent_and_both_links_stay_on_record(links: LinkStore) -> None:
    made = (await add(links, make_new())).link
    moved = await links.move(made, 201, [("email", "new@x.example")], NOON + timedelta(days=1))
    assert moved == await links.get("acme", 201)
    assert moved is not None
    assert (moved.moved_from_id, moved.agent, moved.link_time) == (made.link_id, ANA, NOON)
    old = await links.get_by_id("acme", made.link_id)
    assert old is not None
    assert old.end is not None
    assert old.end.kind is EndKind.MERGED
    assert await links.get("acme", 101) is None
    assert await links.list_candidates("acme", 999, [("email", "new@x.example")]) == [moved]
    assert await links.list_candidates("acme", 999, CHANNELS) == []
    assert await links.move(made, 202, [], NOON) is None  # the link has moved already


async def test_link_is_not_moved_to_a_customer_who_has_one(links: LinkStore) -> None:
    made, own = (await add(links, make_new())).link, (await add(links, make_new(201, "member-2"))).link
    assert await links.move(made, 201, CHANNELS, NOON) == own
    assert await links.get("acme", 101) == made


async def test_moved_link_counts_once(links: LinkStore) -> None:
    made = (await add(links, make_new())).link
    await links.move(made, 201, CHANNELS, NOON)
    assert (await add(links, make_new(102), most=2)).is_new


async def test_forgotten_person_is_in_no_link(opened: Database, links: LinkStore) -> None:
    """The member, the support ID or a channel names the person. Ended links go, too; another shop's links stay."""
    await add(links, make_new(101, "member-1", channels=frozenset()))
    await links.end("acme", 101, None, make_end())
    await add(links, make_new(101, "member-2", support_id="zo-5190", channels=frozenset()))
    await add(links, make_new(102, "member-3", support_id="MK-1", channels=frozenset({("email", "mk@x.example")})))
    stays = [
        (await add(links, make_new(103, "member-4", support_id="LS-2"))).link,
        (await add(links, make_new(101, "member-1", merchant_id="bloom"))).link,
    ]
    rotated = LinkStore(opened, SecretKeys([NEW_KEY, OLD_KEY]))
    forgotten = await rotated.forget(
        "acme", member_ids=["member-1"], support_ids=["ZO-5190"], channels=[("email", "MK@x.example")]
    )
    assert forgotten == 3
    assert [*await links.list_links("acme"), *await links.list_links("bloom")] == stays
    assert len(await fetch_rows(opened, "SELECT * FROM customer_link_channels")) == 4
