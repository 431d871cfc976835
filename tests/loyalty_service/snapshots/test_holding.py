"""What an operator sees of held data, and how it is dropped."""

import pytest

from loyalty_service.domain.errors import MemberAmbiguousError, MemberNotFoundError
from loyalty_service.domain.member import parse_identity
from loyalty_service.domain.ports import Holding
from tests.loyalty_service.snapshots.desk import ACME, Desk
from tests.loyalty_service.snapshots.scripted import get_points

JANA = "jana@example.com"
NOBODY = "nobody@example.com"


async def look(desk: Desk, name: str) -> Holding | None:
    return await desk.snapshots.get_holding(ACME, parse_identity("email" if "@" in name else "member_id", name))


async def drop(desk: Desk, name: str) -> None:
    await desk.snapshots.drop(ACME, parse_identity("email" if "@" in name else "member_id", name))


async def test_no_data_is_held_of_a_member_never_read(desk: Desk) -> None:
    assert await look(desk, JANA) is None
    assert desk.fetches == 0


@pytest.mark.parametrize("name", [JANA, "jana"])
async def test_held_member_is_shown_with_its_age_without_a_read(desk: Desk, name: str) -> None:
    await desk.read(JANA)
    desk.clock.advance(120)
    held = await look(desk, name)
    assert held is not None
    assert held.snapshot is not None
    assert (get_points(held.snapshot), round(held.age_s)) == (100, 120)
    assert (held.hold_time_s, held.stale_if_error_s) == (900, 86_400)
    assert held.fetch_time == held.snapshot.fetch_time
    assert desk.fetches == 1


async def test_held_answers_of_no_member_and_of_several_are_shown(desk: Desk) -> None:
    desk.provider.add("zoe", "zoe@example.com")
    desk.provider.members["twins@example.com"] = ["jana", "zoe"]
    for name, error in ((NOBODY, MemberNotFoundError), ("twins@example.com", MemberAmbiguousError)):
        with pytest.raises(error):
            await desk.read(name)
    nobody, twins = await look(desk, NOBODY), await look(desk, "twins@example.com")
    assert nobody is not None
    assert twins is not None
    assert (nobody.snapshot, nobody.member_count, twins.snapshot, twins.member_count) == (None, 0, None, 2)


async def test_member_that_is_only_remembered_is_not_shown_as_held(desk: Desk) -> None:
    await desk.read(JANA)
    await desk.invalidate("jana")
    assert await look(desk, JANA) is None


@pytest.mark.parametrize("dropped_by", [JANA, "jana"])
@pytest.mark.parametrize("read_by", [JANA, "jana"])
async def test_dropped_member_is_read_again_by_any_name(desk: Desk, dropped_by: str, read_by: str) -> None:
    await desk.read(JANA)
    await drop(desk, dropped_by)
    desk.provider.points["jana"] = 200
    assert await desk.read_points(read_by) == 200


async def test_dropped_answer_that_there_is_no_member_is_asked_for_again(desk: Desk) -> None:
    await desk.read(JANA)
    with pytest.raises(MemberNotFoundError):
        await desk.read(NOBODY)
    desk.provider.add("new", NOBODY)
    await drop(desk, NOBODY)
    assert await desk.read_points(NOBODY) == 100
    await desk.read(JANA)
    assert desk.fetches == 3, "the other member stays held"


async def test_read_that_began_before_the_drop_is_not_held(desk: Desk) -> None:
    desk.provider.holds = True
    early = await desk.arrive(NOBODY)
    await drop(desk, NOBODY)
    await desk.release(desk.provider.calls[0])
    assert isinstance(early.exception(), MemberNotFoundError)
    assert await look(desk, NOBODY) is None


async def erase(desk: Desk, *names: str, member_id: str = "jana") -> int:
    identities = [parse_identity("email", name) for name in names]
    return await desk.snapshots.erase(ACME, member_id, identities)


async def test_erased_member_is_neither_held_nor_remembered_by_any_name(desk: Desk) -> None:
    await desk.read(JANA)
    assert await erase(desk, JANA) == 2
    assert (await look(desk, JANA), await look(desk, "jana")) == (None, None)
    await desk.read(JANA)
    assert desk.provider.calls[-1].remembered_member_id is None


async def test_erasure_without_a_known_member_drops_the_answer_that_there_is_none(desk: Desk) -> None:
    with pytest.raises(MemberNotFoundError):
        await desk.read(NOBODY)
    assert await erase(desk, NOBODY, member_id="") == 1
    assert await look(desk, NOBODY) is None


async def test_member_held_under_an_erased_name_is_dropped_with_it(desk: Desk) -> None:
    await desk.read(JANA)
    assert await erase(desk, JANA, member_id="") == 2
    assert await look(desk, "jana") is None


async def test_erasure_drops_the_list_of_members_who_share_a_name(desk: Desk) -> None:
    for member_id in ("jana", "zoe"):
        desk.provider.add(member_id, "both@example.com")
    with pytest.raises(MemberAmbiguousError):
        await desk.read("both@example.com")
    await desk.read(JANA)
    await erase(desk)
    assert await look(desk, "both@example.com") is None


async def test_read_that_began_before_the_erasure_is_not_held(desk: Desk) -> None:
    desk.provider.holds = True
    early = await desk.arrive(JANA)
    assert await erase(desk, JANA) == 0
    await desk.release(desk.provider.calls[0])
    assert await early == 100
    assert (await look(desk, JANA), await look(desk, "jana")) == (None, None)


async def test_erasure_of_one_member_leaves_others_held(desk: Desk) -> None:
    desk.provider.add("zoe", "zoe@example.com")
    await desk.read("zoe@example.com")
    assert await erase(desk, JANA) == 0
    assert await look(desk, "zoe@example.com") is not None
