"""After an award or an event no reader gets data from before it."""

import pytest

from loyalty_service.domain.errors import MemberNotFoundError
from loyalty_service.domain.priority import Priority
from tests.loyalty_service.snapshots.desk import Desk
from tests.loyalty_service.snapshots.scripted import make_merchant

JANA = "jana@example.com"
NOBODY = "nobody@example.com"


@pytest.mark.parametrize("found_by", [JANA, "jana"])
@pytest.mark.parametrize("read_by", [JANA, "jana"])
async def test_invalidated_member_is_read_again_by_any_name(desk: Desk, found_by: str, read_by: str) -> None:
    await desk.read(found_by)
    desk.provider.points["jana"] = 200
    await desk.invalidate("jana")
    assert await desk.get_held("jana") is None
    assert await desk.read_points(read_by) == 200


async def test_member_dropped_by_an_award_is_read_with_the_priority_of_an_award(desk: Desk) -> None:
    """Otherwise the agent who gave points would see nothing if the shop's rate is used up."""
    await desk.read(JANA)
    await desk.read(JANA, 0)
    await desk.invalidate("jana")
    await desk.read(JANA)
    assert [call.priority for call in desk.provider.calls] == [Priority.TICKET, Priority.TICKET, Priority.AWARD]


@pytest.mark.parametrize("name", [JANA, "jana"])
async def test_read_that_began_before_the_invalidation_is_not_held(desk: Desk, name: str) -> None:
    desk.provider.holds = True
    early = await desk.arrive(name)
    desk.provider.points["jana"] = 200
    await desk.invalidate("jana")
    await desk.release(desk.provider.calls[0])
    assert await early == 100  # the read was sent before, and saw the values of that time
    assert await desk.get_held("jana") is None
    desk.provider.holds = False
    assert await desk.read_points(name) == 200


@pytest.mark.parametrize("name", [JANA, "jana"])
@pytest.mark.parametrize("is_remembered", [False, True])
async def test_reader_after_the_invalidation_does_not_join_a_flight_from_before(
    desk: Desk,
    name: str,
    is_remembered: bool,  # noqa: FBT001 - a dimension of the table
) -> None:
    if is_remembered:
        await desk.read(name)
        desk.clock.advance(10)
    desk.provider.holds = True
    before = desk.fetches
    early = await desk.arrive(name, 1)
    desk.provider.points["jana"] = 200
    await desk.invalidate("jana")
    late = await desk.arrive(name, 1)
    await desk.release(desk.provider.calls[before])
    await desk.release(desk.provider.calls[before + 1])
    assert (await early, await late) == (100, 200)


async def test_invalidation_names_one_member_only(desk: Desk) -> None:
    desk.provider.add("zoe", "zoe@example.com")
    await desk.read(JANA)
    await desk.invalidate("zoe")
    await desk.read(JANA)
    assert desk.fetches == 1


@pytest.mark.parametrize("merchant", [make_merchant("bloom"), make_merchant(generation="2")])
async def test_invalidation_stays_within_its_merchant(desk: Desk, merchant: object) -> None:
    await desk.read(JANA)
    with pytest.raises(MemberNotFoundError):
        await desk.read(NOBODY)
    await desk.snapshots.invalidate(merchant, "jana")  # type: ignore[arg-type]
    await desk.read(JANA)
    with pytest.raises(MemberNotFoundError):
        await desk.read(NOBODY)
    assert desk.fetches == 2


async def test_event_of_a_member_that_is_not_held_drops_answers_of_no_member(desk: Desk) -> None:
    with pytest.raises(MemberNotFoundError):
        await desk.read(NOBODY)
    desk.provider.add("new", NOBODY)
    await desk.invalidate("new")
    assert await desk.read_points(NOBODY) == 100


async def test_event_of_a_held_member_keeps_answers_of_no_member(desk: Desk) -> None:
    await desk.read(JANA)
    for _ in range(2):
        with pytest.raises(MemberNotFoundError):
            await desk.read(NOBODY)
        await desk.invalidate("jana")
        await desk.read("jana")
    assert [call.identity.value for call in desk.provider.calls].count(NOBODY) == 1


async def test_answer_of_no_member_from_before_the_event_is_neither_held_nor_shared(desk: Desk) -> None:
    desk.provider.holds = True
    early = await desk.arrive(NOBODY)
    desk.provider.add("new", NOBODY)
    await desk.invalidate("new")
    late = await desk.arrive(NOBODY)
    for call in (0, 1):
        await desk.release(desk.provider.calls[call])
    assert isinstance(early.exception(), MemberNotFoundError)
    assert await late == 100


async def test_alias_from_before_the_invalidation_is_only_remembered(desk: Desk) -> None:
    """The e-mail changed hands with the event. Another read of the member by id does not bring the e-mail back."""
    await desk.read(JANA)
    desk.provider.add("zoe", JANA, points=7)
    desk.provider.members[JANA] = ["zoe"]
    await desk.invalidate("jana")
    await desk.read("jana")
    assert await desk.read_points(JANA) == 7
    assert desk.provider.calls[-1].remembered_member_id == "jana"


@pytest.mark.parametrize("was_held", [False, True])
async def test_older_read_that_ends_later_does_not_replace_a_newer_one(
    desk: Desk,
    was_held: bool,  # noqa: FBT001 - a dimension of the table
) -> None:
    if was_held:
        await desk.read("jana")
    before = desk.fetches
    desk.provider.holds = True
    older = await desk.arrive(JANA, 0)
    desk.provider.points["jana"] = 200
    newer = await desk.arrive("jana", 0)
    await desk.release(desk.provider.calls[before + 1])
    await desk.release(desk.provider.calls[before])
    assert (await older, await newer) == (100, 200)
    assert await desk.read_points("jana") == 200


async def test_older_answer_of_no_member_does_not_replace_a_member(desk: Desk) -> None:
    desk.provider.holds = True
    older = await desk.arrive("new")
    desk.clock.advance(2)
    desk.provider.add("new", "new@example.com")
    newer = await desk.arrive("new@example.com")
    await desk.release(desk.provider.calls[1])
    await desk.release(desk.provider.calls[0])
    assert isinstance(older.exception(), MemberNotFoundError)
    assert await newer == 100
    assert await desk.get_held("new") is not None
