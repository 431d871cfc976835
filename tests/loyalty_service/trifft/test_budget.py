"""Who waits for slots, and who is told that waiting is of no use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from loyalty_service.domain.errors import ProviderThrottledError
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.priority import Priority
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.budget import Budget, Permit
from loyalty_service.trifft.profile import Rate
from loyalty_service.trifft.rack import Rack
from loyalty_service.trifft.slots import MARGIN_S
from tests.loyalty_service.scripted import make_merchant
from tests.loyalty_service.snapshots.scripted import FakeClock

ACME = make_merchant()
BLOOM = make_merchant("bloom", provider_token="another-token")
RATE = Rate(requests=50, period_s=10, block_s=60)


class Counter:
    """A budget of a process that has run for long, and those who ask for its slots."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.budget = Budget(Rack(self.clock, replicas=1), self.clock, self.metrics)
        self.clock.advance(60)
        self.served: list[str] = []
        self.stack = AsyncExitStack()

    async def take(
        self, count: int = 1, priority: Priority = Priority.AWARD, *, wait_s: float = 0, merchant: Merchant = ACME
    ) -> Permit:
        """Held until the test is over, or `give_back`."""
        taking = self.budget.take(merchant, RATE, priority, count=count, wait_s=wait_s, timeout_s=2)
        return await self.stack.enter_async_context(taking)

    async def take_all(self) -> None:
        await self.take(48)

    async def wait(self, name: str, priority: Priority, *, count: int = 1, wait_s: float = 60) -> None:
        async with self.budget.take(ACME, RATE, priority, count=count, wait_s=wait_s, timeout_s=2):
            self.served.append(name)

    async def line_up(self, name: str, priority: Priority, *, count: int = 1) -> "asyncio.Task[None]":
        task = asyncio.create_task(self.wait(name, priority, count=count))
        await settle()
        return task

    async def give_back(self) -> None:
        await self.stack.aclose()
        await settle()

    def read(self, name: str, priority: str) -> float:
        return self.metrics.registry.get_sample_value(f"{name}_total", {"urgency": priority}) or 0


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    counter = Counter()
    yield counter
    await counter.stack.aclose()
    await counter.budget.close()


async def test_more_urgent_goes_first_and_then_who_came_first(counter: Counter) -> None:
    await counter.take_all()
    for name, priority in (
        ("batch", Priority.BATCH),
        ("event", Priority.TICKET),
        ("award", Priority.AWARD),
        ("event 2", Priority.TICKET),
        ("award 2", Priority.AWARD),
    ):
        await counter.line_up(name, priority)
    await counter.give_back()
    assert counter.served == ["award", "award 2", "event", "event 2", "batch"]


async def test_read_set_waits_for_all_its_slots_and_nobody_passes_it(counter: Counter) -> None:
    await counter.take(47)
    last = await counter.budget.take(ACME, RATE, Priority.AWARD, count=1, wait_s=0, timeout_s=2).__aenter__()
    await counter.line_up("set", Priority.TICKET, count=2)
    await counter.line_up("one", Priority.TICKET)
    last.close()
    await settle()
    assert counter.served == []
    await counter.give_back()
    assert counter.served == ["set", "one"]


async def test_waiter_who_goes_away_leaves_no_slot_behind(counter: Counter) -> None:
    await counter.take_all()
    waiters = [await counter.line_up("gone", Priority.AWARD) for _ in range(20)]
    for waiter in waiters[:10]:
        waiter.cancel()
    await counter.stack.aclose()  # some have got theirs in the very moment in which they go
    for waiter in waiters[10:]:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    await counter.take_all()


async def test_who_cannot_be_served_in_time_is_told_at_once_and_when(counter: Counter) -> None:
    permit = await counter.take(48)
    for _ in range(48):
        with permit.send() as sent:
            sent.answer(200)
    counter.clock.advance(4)
    with pytest.raises(ProviderThrottledError, match="our own budget") as caught:
        await counter.take(2, Priority.TICKET, wait_s=5)
    assert caught.value.retry_after_s == pytest.approx(10 + MARGIN_S - 4)
    assert counter.read("loyalty_budget_refused", "ticket") == 1
    assert counter.read("loyalty_budget_used", "award") == 48


async def test_who_waits_in_vain_is_told_when_it_may_be_otherwise(counter: Counter) -> None:
    await counter.take_all()
    with pytest.raises(ProviderThrottledError) as caught:
        await counter.take(1, wait_s=0.01)
    assert caught.value.retry_after_s == pytest.approx(10 + MARGIN_S)


async def test_one_shops_crowd_is_nothing_to_another(counter: Counter) -> None:
    await counter.take_all()
    await counter.line_up("waits", Priority.AWARD)
    await counter.take(2, Priority.TICKET, merchant=BLOOM)


async def test_two_shops_with_one_token_share_it(counter: Counter) -> None:
    await counter.take_all()
    with pytest.raises(ProviderThrottledError):
        await counter.take(1, merchant=make_merchant("twin"))


async def test_request_that_was_not_planned_takes_a_slot_too(counter: Counter) -> None:
    permit = await counter.take(47)
    await permit.add(wait_s=0)
    with pytest.raises(ProviderThrottledError):
        await permit.add(wait_s=0)
