"""How old an answer may be."""

import pytest

from loyalty_service.domain.errors import MemberAmbiguousError, MemberNotFoundError
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import make_merchant

JANA = "jana@example.com"
NOBODY = "nobody@example.com"


@pytest.mark.parametrize(
    ("staleness_s", "later_s", "fetches"), [(None, 899, 1), (None, 901, 2), (1, 0.9, 1), (1, 1.1, 2)]
)
@pytest.mark.parametrize("name", [JANA, "jana"])
async def test_held_member_is_served_as_long_as_the_reader_allows(
    desk: Desk, name: str, staleness_s: float | None, later_s: float, fetches: int
) -> None:
    await desk.read(name)
    desk.provider.points["jana"] = 200
    desk.clock.advance(later_s)
    assert await desk.read_points(name, staleness_s) == (100 if fetches == 1 else 200)
    assert desk.fetches == fetches


async def test_age_counts_from_the_beginning_of_the_read(desk: Desk) -> None:
    desk.provider.holds = True
    reader = await desk.arrive(JANA)
    desk.clock.advance(5)
    await desk.release(desk.provider.calls[0])
    await reader
    desk.provider.holds = False
    await desk.read(JANA, 6)
    assert desk.fetches == 1
    await desk.read(JANA, 4)
    assert desk.fetches == 2


async def test_zero_is_a_read_that_begins_after_the_call(desk: Desk) -> None:
    """This holds even if the clock has not moved."""
    for fetches in (1, 2, 3):
        await desk.read(JANA, 0)
        assert desk.fetches == fetches


@pytest.mark.parametrize("later_s", [0.5, 1.5])
async def test_answer_that_there_is_no_member_is_held_under_the_same_rules(desk: Desk, later_s: float) -> None:
    with pytest.raises(MemberNotFoundError) as first:
        await desk.read(NOBODY, 1)
    desk.provider.add("new", NOBODY)
    desk.clock.advance(later_s)
    if later_s > 1:
        assert await desk.read_points(NOBODY, 1) == 100
        return
    with pytest.raises(MemberNotFoundError) as second:
        await desk.read(NOBODY, 1)
    assert second.value.fetch_time == first.value.fetch_time
    assert desk.fetches == 1


async def test_answer_of_no_member_is_held_for_each_searched_spelling(desk: Desk) -> None:
    for name in ("Nobody@example.com", NOBODY):
        with pytest.raises(MemberNotFoundError):
            await desk.read(name)
    assert desk.fetches == 1


async def test_ambiguity_is_held_under_the_same_rules(desk: Desk) -> None:
    desk.provider.add("twin", JANA)
    for _ in range(2):
        with pytest.raises(MemberAmbiguousError) as caught:
            await desk.read(JANA, 1)
        assert caught.value.member_count == 2
    assert desk.fetches == 1
    desk.provider.members[JANA] = ["jana"]
    desk.clock.advance(1.1)
    assert await desk.read_points(JANA, 1) == 100


async def test_member_found_by_email_is_held_for_its_id(desk: Desk) -> None:
    await desk.read(JANA)
    await desk.read("jana")
    assert desk.fetches == 1


async def test_member_held_by_its_id_answers_no_email_that_was_never_searched(desk: Desk) -> None:
    await desk.read("jana")
    await desk.read(JANA)
    assert desk.fetches == 2


async def test_fresh_member_does_not_make_an_old_alias_fresh(desk: Desk) -> None:
    """The member was just read by its id, but not the owner of its e-mail."""
    await desk.read(JANA)
    desk.clock.advance(10)
    await desk.read("jana", 1)
    desk.provider.add("zoe", JANA, points=7)
    desk.provider.members[JANA] = ["zoe"]
    assert await desk.read_points(JANA, 1) == 7


async def test_member_read_by_id_keeps_the_alias(desk: Desk) -> None:
    await desk.read(JANA)
    await desk.read("jana", 0)
    await desk.read(JANA, 60)
    assert desk.fetches == 2


async def test_remembered_member_is_the_next_reads_guess(desk: Desk) -> None:
    await desk.read(JANA)
    await desk.read(JANA, 0)
    assert [call.remembered_member_id for call in desk.provider.calls] == [None, "jana"]


@pytest.mark.parametrize(("merchant_id", "generation"), [("acme", "2"), ("bloom", "1")])
async def test_other_merchant_or_generation_never_gets_held_data(desk: Desk, merchant_id: str, generation: str) -> None:
    other = make_merchant(merchant_id, generation)
    await desk.read(JANA)
    assert await desk.get_held("jana", other) is None
    await desk.read(JANA, merchant=other)
    assert [call.remembered_member_id for call in desk.provider.calls] == [None, None]


async def test_held_member_is_returned_without_a_read(desk: Desk) -> None:
    assert await desk.get_held("jana") is None
    served = await desk.read(JANA)
    desk.clock.advance(86_399)
    assert await desk.get_held("jana") == served.snapshot
    desk.clock.advance(2)
    assert await desk.get_held("jana") is None
    assert desk.fetches == 1


async def test_data_older_than_a_day_is_never_served(desk: Desk) -> None:
    """The day, too, begins with the read."""
    desk.provider.holds = True
    reader = await desk.arrive(JANA)
    desk.clock.advance(5)
    await desk.release(desk.provider.calls[0])
    await reader
    desk.provider.holds = False
    desk.clock.advance(86_394)
    await desk.read(JANA, 10**9)
    assert desk.fetches == 1
    desk.clock.advance(2)
    await desk.read(JANA, 10**9)
    assert desk.fetches == 2
