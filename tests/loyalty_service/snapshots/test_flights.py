"""Which readers share a read of the provider."""

import asyncio

import pytest

from loyalty_service.domain.errors import MemberNotFoundError, ProviderThrottledError, ProviderUnavailableError
from loyalty_service.domain.member import parse_identity
from loyalty_service.domain.ports import HeldSnapshot
from loyalty_service.domain.priority import Priority
from loyalty_service.snapshots import open_snapshots
from tests.loyalty_service.snapshots.desk import ACME, Desk
from tests.loyalty_service.snapshots.scripted import (
    FakeClock,
    ScriptedLedger,
    ScriptedProvider,
    get_points,
    make_merchant,
)

JANA = "jana@example.com"


@pytest.fixture
def held_desk(desk: Desk) -> Desk:
    desk.provider.holds = True
    return desk


async def test_readers_at_once_share_one_flight(held_desk: Desk) -> None:
    readers = [await held_desk.arrive(JANA, 1) for _ in range(20)]
    await held_desk.release(held_desk.provider.calls[0])
    assert await asyncio.gather(*readers) == [100] * 20
    assert held_desk.fetches == 1


async def test_many_readers_cause_one_read_per_started_second(held_desk: Desk) -> None:
    """They arrive within 3 s, while a read takes 0.4 s."""
    readers: list[asyncio.Task[int]] = []
    for tenth in range(31):
        readers += [asyncio.create_task(held_desk.read_points(JANA, 1)) for _ in range(10)]
        await held_desk.settle()
        if tenth % 4 == 3 and not (call := held_desk.provider.calls[-1]).is_released:
            await held_desk.release(call)
        held_desk.clock.advance(0.1)
    while not all(reader.done() for reader in readers):
        await held_desk.release(held_desk.provider.calls[-1])
    assert held_desk.fetches <= 4


async def test_reader_joins_a_flight_that_began_late_enough(held_desk: Desk) -> None:
    first = await held_desk.arrive(JANA, 1)
    held_desk.clock.advance(0.9)
    second = await held_desk.arrive(JANA, 1)
    await held_desk.release(held_desk.provider.calls[0])
    assert (await first, await second) == (100, 100)
    assert held_desk.fetches == 1


async def test_reader_of_a_shop_with_another_project_does_not_join_an_earlier_flight(
    held_desk: Desk,
) -> None:
    before = await held_desk.arrive(JANA, 1)
    held_desk.provider.points["jana"] = 200
    after = asyncio.create_task(held_desk.read(JANA, 1, merchant=make_merchant(generation="2")))
    await held_desk.settle()
    for call in list(held_desk.provider.calls):
        await held_desk.release(call)
    assert (await before, get_points((await after).snapshot)) == (100, 200)


async def test_all_late_readers_share_the_next_flight(held_desk: Desk) -> None:
    first = await held_desk.arrive(JANA, 1)
    held_desk.provider.points["jana"] = 200
    held_desk.clock.advance(1.1)
    late = [await held_desk.arrive(JANA, 1) for _ in range(5)]
    late.append(await held_desk.arrive(JANA, 0))
    assert held_desk.fetches == 1
    await held_desk.release(held_desk.provider.calls[0])
    assert held_desk.fetches == 2
    await held_desk.release(held_desk.provider.calls[1])
    assert await asyncio.gather(first, *late) == [100] + [200] * 6
    assert (held_desk.fetches, held_desk.provider.most_at_once) == (2, 1)


async def test_reader_of_now_does_not_join_a_flight_of_the_same_instant(held_desk: Desk) -> None:
    first = await held_desk.arrive(JANA, 0)
    held_desk.provider.points["jana"] = 200
    second = await held_desk.arrive(JANA, 0)
    for call in (0, 1):
        await held_desk.release(held_desk.provider.calls[call])
    assert (await first, await second) == (100, 200)


async def test_flight_of_a_member_s_id_is_joined_although_one_for_an_address_ends(
    held_desk: Desk,
) -> None:
    held_desk.provider.holds = False
    await held_desk.read(JANA)
    held_desk.provider.holds = True
    early = [await held_desk.arrive(name, 0) for name in ("jana", JANA)]
    by_id, by_address = held_desk.provider.calls[1:]
    await held_desk.release(by_id)
    held_desk.clock.advance(2)
    late = [await held_desk.arrive("jana", 1)]
    await held_desk.release(by_address)
    late.append(await held_desk.arrive("jana", 1))
    for call in held_desk.provider.calls[3:]:
        await held_desk.release(call)
    assert await asyncio.gather(*early, *late) == [100] * 4
    assert held_desk.fetches == 4


async def test_cancelled_reader_does_not_cancel_the_flight(held_desk: Desk) -> None:
    first, second = await held_desk.arrive(JANA), await held_desk.arrive(JANA)
    first.cancel()
    await held_desk.settle()
    assert first.cancelled()
    await held_desk.release(held_desk.provider.calls[0])
    assert await second == 100
    assert held_desk.fetches == 1


async def test_result_of_a_flight_without_readers_is_held(held_desk: Desk) -> None:
    reader = await held_desk.arrive(JANA)
    reader.cancel()
    await held_desk.settle()
    await held_desk.release(held_desk.provider.calls[0])
    assert await held_desk.get_held("jana") is not None


async def test_failed_flight_fails_its_readers_but_not_later_ones(held_desk: Desk) -> None:
    waited = [await held_desk.arrive(JANA, 1) for _ in range(3)]
    held_desk.clock.advance(1.1)
    late = await held_desk.arrive(JANA, 1)
    await held_desk.release(held_desk.provider.calls[0], ProviderUnavailableError("down"))
    for reader in waited:
        with pytest.raises(ProviderUnavailableError, match="down"):
            await reader
    await held_desk.release(held_desk.provider.calls[1])
    assert await late == 100


async def test_bug_of_our_own_reaches_the_reader(held_desk: Desk) -> None:
    reader = await held_desk.arrive(JANA)
    await held_desk.release(held_desk.provider.calls[0], ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await reader
    next_reader = await held_desk.arrive(JANA)
    await held_desk.release(held_desk.provider.calls[1])
    assert await next_reader == 100


async def test_different_members_do_not_wait_for_each_other(held_desk: Desk) -> None:
    held_desk.provider.add("zoe", "zoe@example.com", points=7)
    slow, quick = await held_desk.arrive(JANA), await held_desk.arrive("zoe@example.com")
    await held_desk.release(held_desk.provider.calls[1])
    assert await quick == 7
    await held_desk.release(held_desk.provider.calls[0])
    assert await slow == 100


async def test_reader_by_id_joins_the_flight_of_an_email_remembered_as_the_member_s(desk: Desk) -> None:
    await desk.read(JANA)
    desk.provider.holds = True
    desk.clock.advance(10)
    by_email, by_id = await desk.arrive(JANA, 1), await desk.arrive("jana", 1)
    await desk.release(desk.provider.calls[1])
    assert (await by_email, await by_id) == (100, 100)
    assert desk.fetches == 2


async def test_reader_by_id_fails_with_the_emails_flight_that_it_waited_for(desk: Desk) -> None:
    await desk.read(JANA)
    desk.clock.advance(10)
    desk.provider.holds = True
    readers = [asyncio.create_task(desk.read(name, 1)) for name in (JANA, "jana")]
    await desk.settle()
    await desk.release(desk.provider.calls[1], ProviderUnavailableError("down"))
    assert [(await reader).stale_reason for reader in readers] == ["PROVIDER_UNAVAILABLE"] * 2
    assert desk.fetches == 2


async def test_reader_by_id_is_not_answered_with_the_member_that_the_email_names_now(desk: Desk) -> None:
    await desk.read(JANA)
    desk.provider.add("zoe", JANA, points=7)
    desk.provider.members[JANA] = ["zoe"]
    desk.provider.holds = True
    desk.clock.advance(2)
    by_email, by_id = await desk.arrive(JANA, 1), await desk.arrive("jana", 1)
    await desk.release(desk.provider.calls[1])
    await desk.release(desk.provider.calls[2])
    assert (await by_email, await by_id) == (7, 100)


async def test_reader_by_id_does_not_get_the_email_s_answer_that_there_is_no_member(desk: Desk) -> None:
    await desk.read(JANA)
    desk.provider.members[JANA] = []
    desk.provider.holds = True
    desk.clock.advance(2)
    by_email, by_id = await desk.arrive(JANA, 1), await desk.arrive("jana", 1)
    await desk.release(desk.provider.calls[1])
    await desk.release(desk.provider.calls[2])
    assert await by_id == 100
    assert by_email.exception() is not None


async def test_two_spellings_of_one_address_share_a_flight(held_desk: Desk) -> None:
    readers = [await held_desk.arrive(email, 1) for email in (JANA, "Jana@EXAMPLE.com", "JANA@example.com")]
    await held_desk.release(held_desk.provider.calls[0])
    assert await asyncio.gather(*readers) == [100, 100, 100]
    assert held_desk.fetches == 1


async def test_look_alike_addresses_share_no_flight(held_desk: Desk) -> None:
    for member_id, (number, email) in zip("ab", enumerate(("straße@x.example", "strasse@x.example")), strict=True):
        held_desk.provider.add(member_id, email, points=number)
    readers = [await held_desk.arrive(email, 1) for email in ("straße@x.example", "strasse@x.example")]
    for call in held_desk.provider.calls[:]:
        await held_desk.release(call)
    assert await asyncio.gather(*readers) == [0, 1]


async def test_reader_of_an_unsearched_spelling_is_not_told_that_there_is_no_member(held_desk: Desk) -> None:
    held_desk.provider.add("eve", "EVE@example.com")
    in_small, in_capitals = [await held_desk.arrive(email, 1) for email in ("eve@example.com", "EVE@example.com")]
    assert held_desk.fetches == 1, "there is one flight at a time"
    for place in range(2):
        await held_desk.release(held_desk.provider.calls[place])
    assert isinstance(in_small.exception(), MemberNotFoundError)
    assert await in_capitals == 100


async def test_ticket_event_that_joined_a_refused_batch_read_asks_by_itself(held_desk: Desk) -> None:
    readers = []
    for priority in (Priority.BATCH, Priority.BATCH, Priority.TICKET):
        identity = parse_identity("email", JANA)
        read = held_desk.snapshots.get(ACME, identity, max_staleness_s=1, timeout_s=60, priority=priority)
        readers.append(asyncio.create_task(read))
        await held_desk.settle()
    await held_desk.release(held_desk.provider.calls[0], ProviderThrottledError("later", 60))
    await held_desk.release(held_desk.provider.calls[1])
    batch, other_batch, ticket = await asyncio.gather(*readers, return_exceptions=True)
    assert (type(batch), type(other_batch)) == (ProviderThrottledError, ProviderThrottledError)
    assert isinstance(ticket, HeldSnapshot)
    assert [call.priority for call in held_desk.provider.calls] == [Priority.BATCH, Priority.TICKET]


async def test_end_of_the_process_ends_running_flights() -> None:
    clock = FakeClock()
    provider = ScriptedProvider(clock)
    provider.add("jana", JANA)
    provider.holds = True
    async with open_snapshots(
        provider, clock, recent=ScriptedLedger(), hold_time_s=1, stale_if_error_s=1, capacity=1
    ) as snapshots:
        desk = Desk(snapshots, provider, clock)
        reader = await desk.arrive(JANA)
    with pytest.raises(ProviderUnavailableError):
        await reader
    assert not provider.running.total()
