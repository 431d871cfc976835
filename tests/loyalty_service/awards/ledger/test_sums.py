"""Sums by week and by member."""

from loyalty_service.awards.ledger.read import History
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping, AwardSum
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.ledgers import LOST, Book
from tests.loyalty_service.running import Client, catch_failure
from tests.loyalty_service.scripted import ScriptedProvider, make_member
from tests.statements import execute

ALL = AwardFilter()


def read(book: Book) -> History:
    return History(book.database, reversal_window_s=1800.0)


async def give_on(book: Book, day: str, points: int = 100) -> None:
    number = (await book.give(points)).number
    await execute(book.database, f"UPDATE awards SET day = '{day}' WHERE number = {number}")  # noqa: S608  ours


async def test_weeks_are_iso_weeks_newest_first(book: Book) -> None:
    """2026 has 53 weeks, and the first days of 2027 belong to the last one."""
    days = ["2026-11-23", "2026-11-29", "2026-11-30", "2026-12-31", "2027-01-03", "2027-01-04", "2024-12-30"]
    for day in days:
        await give_on(book, day)
    sums = await read(book).sum_awards("acme", ALL, AwardGrouping.WEEK)

    assert [(one.key, one.award_count, one.points) for one in sums] == [
        ("2027-W01", 1, 100),
        ("2026-W53", 2, 200),
        ("2026-W49", 1, 100),
        ("2026-W48", 2, 200),
        ("2025-W01", 1, 100),
    ]


async def test_each_figure_of_a_week_is_the_sum_of_its_days(book: Book) -> None:
    await book.take_back(await book.give(100))
    await book.give(30, member_id="boris")
    await book.give(7, member_id="boris", is_debit=True)
    await book.settle(await book.open(5, member_id="boris"), LOST)
    await execute(book.database, "UPDATE awards SET day = '2026-11-23' WHERE number % 2 = 0")
    await execute(book.database, "UPDATE awards SET day = '2026-11-27' WHERE number % 2 = 1")
    sums = await read(book).sum_awards("acme", ALL, AwardGrouping.WEEK)

    assert sums == [
        AwardSum(key="2026-W48", award_count=2, points=130, reversed_points=100, in_doubt_points=5, removed_points=7)
    ]


async def test_members_are_sorted_by_points_and_have_a_support_id(book: Book) -> None:
    await book.give(100, member_id="jana", member_support_id="JN-4821")
    await book.take_back(await book.give(50, member_id="jana"))
    await book.give(200, member_id="boris", member_support_id="BO-1")
    await book.give(20, member_id="boris", is_debit=True)
    await book.settle(await book.open(5, member_id="boris"), LOST)
    await book.give(100, member_id="anna")
    sums = await read(book).sum_members("acme", ALL, 0, 10)
    later = await read(book).sum_members("acme", ALL, 1, 1)
    of_jana = await read(book).sum_members("acme", AwardFilter(member_id="jana"), 0, 10)

    assert [(one.key, one.member_support_id, one.award_count, one.points) for one in sums] == [
        ("boris", "BO-1", 1, 200),
        ("jana", "JN-4821", 2, 150),
        ("anna", "", 1, 100),
    ]
    assert [(one.reversed_points, one.removed_points, one.in_doubt_points) for one in sums] == [
        (0, 20, 5),
        (50, 0, 0),
        (0, 0, 0),
    ]
    assert (later, of_jana) == (sums[1:2], sums[1:2])


async def test_members_come_in_pages_over_the_wire(client: Client, provider: ScriptedProvider) -> None:
    for number in range(5):
        provider.members[f"m{number}"] = make_member(f"m{number}")
        await client.award(member_id=f"m{number}", points=100 + number)
    request = pb.SumAwardsRequest(merchant_id="acme", group_by=pb.AWARD_GROUPING_MEMBER, page_size=2)
    pages = [await client.loyalty.SumAwards(request)]
    while pages[-1].next_page_token:
        request.page_token = pages[-1].next_page_token
        pages.append(await client.loyalty.SumAwards(request))
    failures = [
        await catch_failure(client.loyalty.SumAwards(wrong))
        for wrong in (
            pb.SumAwardsRequest(merchant_id="acme", group_by=pb.AWARD_GROUPING_MEMBER, page_size=1001),
            pb.SumAwardsRequest(merchant_id="acme", group_by=pb.AWARD_GROUPING_MEMBER, page_token="foreign"),
        )
    ]

    assert [[one.key for one in page.sums] for page in pages] == [["m4", "m3"], ["m2", "m1"], ["m0"]]
    assert [(failure.reason, failure.field) for failure in failures] == [
        ("BAD_VALUE", "page_size"),
        ("BAD_VALUE", "page_token"),
    ]
