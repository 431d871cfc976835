"""Awards are searched over the wire by filters, page by page, and summed.

Each result is compared with the plain list.
"""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.domain.limits import NO_LIMITS
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.databases import LentDatabase
from tests.loyalty_service.ledgers import (
    APPLIED,
    LOST,
    NOT_REACHED,
    REFUSED,
    UTC_ZONE,
    Book,
    make_request,
    open_book,
)
from tests.loyalty_service.running import Client, StartService, run_service
from tests.loyalty_service.scripted import ScriptedProvider

# The archive stays open for several tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")

BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
STEP = timedelta(hours=5)
COUNT = 40
AGENTS = [
    ("ana@shop.example", "Ana K."),
    ("ANA@shop.example", ""),
    ("", "ana k."),
    ("", "ŽOFIA"),
    ("žofia@shop.example", "Žofia"),
    ("", ""),
]
DOUBT = (pb.AWARD_STATE_PENDING, pb.AWARD_STATE_UNKNOWN)


def make_time(step: float) -> Timestamp:
    """Return the time of award number `step`'s last attempt; a half lies between two awards."""
    time = Timestamp()
    time.FromDatetime(BEGIN + step * STEP)
    return time


async def fill(book: Book) -> None:
    """Add awards of several agents in every state, some of them taken back, with five hours between two attempts.

    A full database stays as it is.
    """
    choices = random.Random(2)  # noqa: S311  the same awards in each run
    while (number := await count(book)) < COUNT:
        email, name = choices.choice(AGENTS)
        wanted: dict[str, Any] = {
            "claimed_agent_email": email,
            "claimed_agent_name": name,
            "ticket_id": choices.choice(["", "4711", "4712"]),
            "reason": choices.choice(["", "Goodwill", "Late delivery"]),
            "is_debit": choices.random() < 0.3,
        }
        outcome: Settlement | None = choices.choice([APPLIED, APPLIED, APPLIED, REFUSED, NOT_REACHED, LOST, None])
        in_doubt = outcome in {LOST, None}
        member_id = f"doubt-{number + 1}" if in_doubt else choices.choice(["jana", "boris"])
        wanted["member_support_id"] = {"jana": "JN-4821", "boris": "Ńk-1"}.get(member_id, "")
        opening = await book.open(choices.randint(1, 900), member_id=member_id, **wanted)
        award = await book.settle(opening, outcome) if outcome else opening.award
        if outcome is LOST and choices.random() < 0.5:
            await book.ledger.mark_needs_person("acme", award.number)
        if outcome is APPLIED and choices.random() < 0.5:
            taker = {"claimed_agent_email": "boss@shop.example", "ticket_id": "9999"}
            undo = await book.open_reversal(award, **taker)
            await book.settle(undo, choices.choice([APPLIED, APPLIED, REFUSED]))
    await spread(book)


async def count(book: Book) -> int:
    query = text("SELECT count(*) FROM awards")
    return await book.database.read(lambda connection: int(connection.execute(query).scalar_one()))


async def spread(book: Book) -> None:
    """Give each award its time and its day. No worker looks for awards in doubt, and no lease ends."""
    set_time = text(
        "UPDATE awards SET attempt_time_ms = :ms, day = :day, next_check_time_ms = :never, "
        "lease_expire_time_ms = :never WHERE number = :of"
    )
    times = {number: BEGIN + number * STEP for number in range(1, COUNT + 2)}
    values = [
        {"ms": round(time.timestamp() * 1000), "day": time.date().isoformat(), "of": number, "never": 10**15}
        for number, time in times.items()
    ]
    await book.database.write(lambda connection: connection.execute(set_time, values))


class Archive:
    """A running service with the awards of `fill`. `everything`: its list without a filter."""

    def __init__(self, client: Client, everything: Sequence[pb.Award], book: Book) -> None:
        self.client = client
        self.everything = everything
        self.book = book

    async def list_pages(self, wanted: pb.AwardFilter, page_size: int) -> list[list[str]]:
        """List the numbers on each page."""
        pages: list[list[str]] = []
        token = ""
        while token or not pages:
            request = pb.ListAwardsRequest(merchant_id="acme", filter=wanted, page_size=page_size, page_token=token)
            page = await self.client.loyalty.ListAwards(request)
            pages.append([award.award_id for award in page.awards])
            token = page.next_page_token
        return pages

    async def add_up(self, wanted: pb.AwardFilter, grouping: pb.AwardGrouping.ValueType) -> list[pb.AwardSum]:
        request = pb.SumAwardsRequest(merchant_id="acme", filter=wanted, group_by=grouping)
        return list((await self.client.loyalty.SumAwards(request)).sums)


@asynccontextmanager
async def open_archive(database_url: str) -> AsyncIterator[Archive]:
    async with open_book(database_url) as book:
        await fill(book)
        async with run_service(database_url, ScriptedProvider()) as client:
            await client.add_merchant()
            request = pb.ListAwardsRequest(merchant_id="acme", page_size=1000)
            yield Archive(client, (await client.loyalty.ListAwards(request)).awards, book)


@pytest.fixture(scope="session")
def filled_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("filled") / "filled.db"))

    async def fill_file() -> None:
        async with open_book(f"sqlite:///{path}") as book:
            await fill(book)

    asyncio.run(fill_file())
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def archive(filled_file: Path, tmp_path: Path) -> AsyncIterator[Archive]:
    """An archive for one test."""
    async with open_archive(f"sqlite:///{shutil.copy(filled_file, tmp_path / 'archive.db')}") as archive:
        yield archive


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sqlite_archive(filled_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Archive]:
    path = shutil.copy(filled_file, tmp_path_factory.mktemp("archive") / "archive.db")
    async with open_archive(f"sqlite:///{path}") as archive:
        yield archive


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgres_archive(lent_postgres: LentDatabase) -> AsyncIterator[Archive]:
    async with open_archive(await lent_postgres.copy("archive")) as archive:
        yield archive


@pytest.fixture(params=["sqlite", "postgres"])
def each_archive(request: pytest.FixtureRequest) -> Archive:
    """An archive of each engine, since the database filters and sums. Tests only read the awards of acme."""
    archive: Archive = request.getfixturevalue(f"{request.param}_archive")
    return archive


def fold(text: str) -> str:
    """Fold ASCII case only."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def is_wanted(award: pb.Award, wanted: pb.AwardFilter) -> bool:
    """Apply the filter as its comments in the proto describe it."""
    claims = {fold(award.claimed_agent_email), fold(award.claimed_agent_name)}
    checks = (
        not wanted.HasField("from_time") or award.attempt_time.ToNanoseconds() >= wanted.from_time.ToNanoseconds(),
        not wanted.HasField("before_time") or award.attempt_time.ToNanoseconds() < wanted.before_time.ToNanoseconds(),
        fold(wanted.claimed_agent) in claims or not wanted.claimed_agent,
        wanted.member_id in {"", award.member_id},
        fold(wanted.member_support_id) in {"", fold(award.member_support_id)},
        wanted.ticket_id in {"", award.ticket_id},
        award.state in wanted.states or not wanted.states,
        award.needs_person or not wanted.needs_person,
    )
    return all(checks)


times = st.none() | st.sampled_from([make_time(step / 2) for step in range(2 * COUNT + 4)])
filters = st.builds(
    pb.AwardFilter,
    from_time=times,
    before_time=times,
    claimed_agent=st.sampled_from(
        [
            "",
            "",
            "Ana@Shop.example",
            "ANA K.",
            "žofia",
            "žofia@SHOP.example",
            "ŽOFIA@shop.example",
            "Žofia",
            "boss@shop.example",
            "Ana",
            "nobody",
        ]
    ),
    member_id=st.sampled_from(["", "", "jana", "boris", "doubt-1", "jan"]),
    member_support_id=st.sampled_from(["", "", "jn-4821", "ŃK-1", "ńk-1", "ŃK-1", "JN-48"]),
    ticket_id=st.sampled_from(["", "", "4711", "9999", "471"]),
    states=st.lists(st.sampled_from(pb.AwardState.values()[1:]), max_size=3),
    needs_person=st.sampled_from([False, False, False, True]),
)
many = settings(max_examples=15)


@many
@given(wanted=filters, page_size=st.integers(4, 20))
@example(wanted=pb.AwardFilter(member_id="jana"), page_size=1)
async def test_pages_of_a_filtered_list_have_the_matching_awards_newest_first(
    each_archive: Archive, wanted: pb.AwardFilter, page_size: int
) -> None:
    expected = [award.award_id for award in each_archive.everything if is_wanted(award, wanted)]

    pages = await each_archive.list_pages(wanted, page_size)

    assert [award_id for page in pages for award_id in page] == expected
    assert {len(page) for page in pages[:-1]} <= {page_size}


async def test_time_range_includes_its_start_and_excludes_its_end(sqlite_archive: Archive) -> None:
    one_ns = Timestamp(seconds=make_time(7).seconds, nanos=1)

    pages = [
        await sqlite_archive.list_pages(pb.AwardFilter(from_time=begin, before_time=end), 1000)
        for begin, end in ((make_time(7), make_time(9)), (one_ns, make_time(9)), (make_time(7), one_ns))
    ]

    assert pages == [[["A-8", "A-7"]], [["A-8"]], [["A-7"]]]


# Sums by member have pages and another order: see test_sums.py.
KEYS: dict[pb.AwardGrouping.ValueType, Callable[[pb.Award], str]] = {
    pb.AWARD_GROUPING_AGENT: lambda award: fold(award.claimed_agent_email or award.claimed_agent_name),
    pb.AWARD_GROUPING_REASON: lambda award: award.reason,
    pb.AWARD_GROUPING_DAY: lambda award: award.attempt_time.ToDatetime().date().isoformat(),
    pb.AWARD_GROUPING_WEEK: lambda award: award.attempt_time.ToDatetime().strftime("%G-W%V"),
}
NEWEST_FIRST = {pb.AWARD_GROUPING_DAY, pb.AWARD_GROUPING_WEEK}


def add_up(
    everything: Sequence[pb.Award], wanted: pb.AwardFilter, grouping: pb.AwardGrouping.ValueType
) -> list[pb.AwardSum]:
    """Sum one award at a time."""
    sums: dict[str, pb.AwardSum] = {}
    by_id = {award.award_id: award for award in everything}
    for award in everything:
        original = by_id[award.reverses] if award.reverses else award
        if not is_wanted(original, wanted) or award.state not in {*DOUBT, pb.AWARD_STATE_APPLIED}:
            continue
        key = KEYS[grouping](original)
        one = sums.setdefault(key, pb.AwardSum(key=key))
        if award.state in DOUBT:
            one.in_doubt_points += award.points
        elif original.debit:
            one.removed_points += award.points if award.debit else -award.points
        elif award.reverses:
            one.reversed_points += award.points
        else:
            one.award_count += 1
            one.points += award.points
    return sorted(sums.values(), key=lambda one: one.key, reverse=grouping in NEWEST_FIRST)


@many
@given(wanted=filters, grouping=st.sampled_from(sorted(KEYS)))
async def test_sums_are_correct_and_a_reversal_counts_with_its_award(
    each_archive: Archive, wanted: pb.AwardFilter, grouping: pb.AwardGrouping.ValueType
) -> None:
    assert await each_archive.add_up(wanted, grouping) == add_up(each_archive.everything, wanted, grouping)


async def test_archive_has_every_kind_of_award(sqlite_archive: Archive) -> None:
    """Otherwise the two tests above would prove less than they claim."""
    assert {award.state for award in sqlite_archive.everything} == set(pb.AwardState.values()[1:]) - {
        pb.AWARD_STATE_NOT_APPLIED
    }
    assert {bool(award.needs_person) for award in sqlite_archive.everything} == {True, False}
    reversals = [award for award in sqlite_archive.everything if award.reverses]
    assert {(award.state, award.debit) for award in reversals} == {
        (state, debit) for state in (pb.AWARD_STATE_APPLIED, pb.AWARD_STATE_REJECTED) for debit in (True, False)
    }
    sums = await sqlite_archive.add_up(pb.AwardFilter(), pb.AWARD_GROUPING_AGENT)
    assert [one.key for one in sums] == ["", "ana k.", "ana@shop.example", "Žofia", "žofia@shop.example"]
    assert all(one.points for one in sums)
    assert any(one.reversed_points for one in sums)
    assert sum(bool(one.removed_points) for one in sums) > 1


async def test_awards_made_between_two_pages_do_not_shift_the_others(archive: Archive) -> None:
    wanted = pb.AwardFilter(states=[pb.AWARD_STATE_APPLIED])
    before = [award_id for page in await archive.list_pages(wanted, 1000) for award_id in page]
    first = await archive.client.loyalty.ListAwards(
        pb.ListAwardsRequest(merchant_id="acme", filter=wanted, page_size=5)
    )

    made = [await archive.client.award(points=points) for points in (1, 2)]

    rest = await archive.client.loyalty.ListAwards(
        pb.ListAwardsRequest(merchant_id="acme", filter=wanted, page_size=1000, page_token=first.next_page_token)
    )
    assert [answer.award.state for answer in made] == [pb.AWARD_STATE_APPLIED] * 2
    assert [award.award_id for award in [*first.awards, *rest.awards]] == before


async def test_undo_in_doubt_counts_as_doubtful_points_of_its_award(each_archive: Archive) -> None:
    await each_archive.client.add_merchant("undoing")
    book, agent = each_archive.book, "ana@shop.example"
    award = await book.give(120, merchant_id="undoing", claimed_agent_email=agent, reason="Goodwill")
    await book.open_reversal(award, merchant_id="undoing", claimed_agent_email="boss@shop.example")
    request = pb.SumAwardsRequest(merchant_id="undoing", group_by=pb.AWARD_GROUPING_AGENT)

    sums = (await each_archive.client.loyalty.SumAwards(request)).sums

    assert list(sums) == [pb.AwardSum(key=agent, award_count=1, points=120, in_doubt_points=120)]


async def test_award_that_is_tried_again_counts_at_its_last_attempt(
    start_service: StartService, database_url: str
) -> None:
    """Limits count in the same way, so lists, sums and limits of a period agree."""
    async with open_book(database_url) as book:
        request = make_request(120, ticket_id="4711")
        await book.settle(await book.ledger.open(request, NO_LIMITS, UTC_ZONE), NOT_REACHED)
        await book.let_pass(40 * 86_400)
        await book.settle(await book.ledger.open(request, NO_LIMITS, UTC_ZONE), APPLIED)
    wanted = pb.AwardFilter()
    wanted.from_time.FromDatetime(datetime.now(UTC) - timedelta(days=1))
    async with start_service() as client:
        await client.add_merchant()
        listed = await client.loyalty.ListAwards(pb.ListAwardsRequest(merchant_id="acme", filter=wanted))
        request_sums = pb.SumAwardsRequest(merchant_id="acme", filter=wanted, group_by=pb.AWARD_GROUPING_DAY)
        [one] = (await client.loyalty.SumAwards(request_sums)).sums

    [award] = listed.awards
    assert award.attempt_time.seconds - award.create_time.seconds == pytest.approx(40 * 86_400, abs=60)
    assert (one.key, one.points) == (award.attempt_time.ToDatetime().date().isoformat(), 120)


async def test_shops_see_their_own_awards_only(sqlite_archive: Archive) -> None:
    await sqlite_archive.client.add_merchant("bloom")
    await sqlite_archive.client.award(merchant_id="bloom", points=7)

    listed = await sqlite_archive.client.loyalty.ListAwards(pb.ListAwardsRequest(merchant_id="bloom"))
    request = pb.SumAwardsRequest(merchant_id="bloom", group_by=pb.AWARD_GROUPING_REASON)
    sums = (await sqlite_archive.client.loyalty.SumAwards(request)).sums

    assert [award.award_id for award in listed.awards] == ["A-1"]
    assert [(one.award_count, one.points) for one in sums] == [(1, 7)]
