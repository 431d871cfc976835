"""A shop that is read from the database again counts as the same shop for running flights."""

from tests.loyalty_service.snapshots.processes import open_process
from tests.loyalty_service.snapshots.scripted import make_merchant
from tests.loyalty_service.snapshots.shared import SharedClock


async def test_invalidation_reaches_flights_of_the_shop_as_it_was_read_before(shared_clock: SharedClock) -> None:
    """While the store is down, only the process itself knows of the invalidation."""
    async with open_process(shared_clock) as desk:
        desk.provider.holds = True
        desk.link.cut("before")
        early = await desk.arrive("jana")
        desk.provider.points["jana"] = 200
        await desk.invalidate("jana", make_merchant())
        late = await desk.arrive("jana")
        await desk.release(desk.provider.calls[0])
        await desk.release(desk.provider.calls[1])
        assert (await early, await late) == (100, 200)
