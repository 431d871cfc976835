"""What TRIFFT gets from us while it refuses, fails or hangs, counted at the stand-in with its own rate rule."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from loyalty_service.domain.errors import (
    LoyaltyError,
    ProviderCredentialsError,
    ProviderThrottledError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.member import Identity, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking
from loyalty_service.domain.priority import Priority
from loyalty_service.metrics import Metrics
from loyalty_service.outbound.circuit_breaker import FAILURES
from loyalty_service.trifft.client import TrifftProvider
from loyalty_service.valkey import open_valkey
from runtime.clock import SystemClock
from sandbox.trifft import Fault, Project
from sandbox.trifft.faults import FaultTarget
from tests.loyalty_service.running import wait_until
from tests.loyalty_service.snapshots.scripted import FakeClock
from tests.loyalty_service.trifft.servers import MakeMerchant, fetch
from tests.passing import let_loop_pass

JANA = parse_identity("email", "jana@example.com")
CREDIT = Booking(member_id="jana", points=100, note="", reference="A-1")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture(loop_scope="session")
async def provider(clock: FakeClock, metrics: Metrics) -> AsyncIterator[TrifftProvider]:
    """An adapter whose clock stands still.

    Otherwise the breaker's first wait of a second would end on a busy machine.
    """
    async with TrifftProvider(clock, metrics=metrics) as provider:
        yield provider


def read(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def meet(provider: TrifftProvider, merchant: Merchant, identity: Identity = JANA, **how: float) -> LoyaltyError:
    with pytest.raises(LoyaltyError) as caught:
        await fetch(provider, merchant, identity, **how)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("kind", ["reset", "refuse"])
async def test_read_whose_connection_breaks_is_tried_again(
    provider: TrifftProvider, merchant: Merchant, acme: Project, metrics: Metrics, kind: str
) -> None:
    acme.faults.set(Fault(kind=kind, times=2))  # type: ignore[arg-type]
    assert (await fetch(provider, merchant, JANA)).coupons
    assert acme.count_requests() == 4
    assert read(metrics, "loyalty_provider_retries_total") == 2


async def test_read_is_tried_again_twice_and_no_more(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    acme.faults.set(Fault(kind="status", status=503))
    assert type(await meet(provider, merchant)) is ProviderUnavailableError
    assert acme.count_requests() == 3


@pytest.mark.parametrize("operation", ["find", "coupons"])
async def test_read_of_several_requests_is_tried_again_twice_in_all(
    provider: TrifftProvider, merchant: Merchant, acme: Project, operation: FaultTarget
) -> None:
    acme.faults.set(Fault(kind="status", status=500, operation=operation, times=1))
    acme.faults.set(Fault(kind="reset", operation="coupons"))
    assert type(await meet(provider, merchant)) is ProviderUnavailableError
    assert acme.count_requests() == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
async def test_refused_request_is_not_repeated(
    provider: TrifftProvider, merchant: Merchant, acme: Project, status: int
) -> None:
    acme.faults.set(Fault(kind="status", status=status))
    await meet(provider, merchant)
    assert acme.count_requests() == 1


async def test_read_that_hangs_is_not_repeated(provider: TrifftProvider, merchant: Merchant, acme: Project) -> None:
    acme.faults.set(Fault(kind="hang"))
    reading = asyncio.create_task(meet(provider, merchant, timeout_s=30))
    await wait_until(acme.count_requests)
    let_loop_pass(30)
    assert type(await reading) is ProviderTimeoutError
    assert acme.count_requests() == 1


@pytest.mark.parametrize("fault", [Fault(kind="reset"), Fault(kind="status", status=503), Fault(kind="lost_answer")])
async def test_booking_is_sent_only_once_despite_failures(
    provider: TrifftProvider, merchant: Merchant, acme: Project, fault: Fault
) -> None:
    acme.faults.set(fault)
    with pytest.raises(Exception, match=r"answered 503|answer was lost"):
        await provider.credit(merchant, CREDIT, timeout_s=30)
    assert acme.count_requests("credit") == 1


async def test_429_caused_by_another_user_of_the_token_stops_our_requests(
    provider: TrifftProvider, merchant: Merchant, acme: Project, metrics: Metrics
) -> None:
    acme.faults.set(Fault(kind="status", status=429, times=1))
    await meet(provider, merchant)
    seen = acme.count_requests()
    error = await meet(provider, merchant)
    assert isinstance(error, ProviderThrottledError)
    assert 59 < error.retry_after_s < 61
    for call in (
        provider.credit(merchant, CREDIT, timeout_s=30),
        provider.debit(merchant, CREDIT, timeout_s=30),
        provider.probe(merchant, timeout_s=30),
    ):
        with pytest.raises(ProviderThrottledError):
            await call
    assert acme.count_requests() == seen
    assert read(metrics, "loyalty_provider_throttled_total") == 1
    assert read(metrics, "loyalty_provider_tokens_closed") == 1


async def test_one_read_probes_whether_trifft_still_refuses(
    provider: TrifftProvider, merchant: Merchant, acme: Project, clock: FakeClock
) -> None:
    acme.faults.set(Fault(kind="status", status=429, times=1))
    error = await meet(provider, merchant)
    assert isinstance(error, ProviderThrottledError)
    clock.advance(error.retry_after_s + 1)
    acme.requests.clear()
    acme.faults.set(Fault(kind="hang", operation="find", times=1))
    readers = [asyncio.create_task(fetch(provider, merchant, JANA)) for _ in range(10)]
    await wait_until(acme.count_requests)
    assert acme.count_requests() == 1
    acme.faults.clear()
    assert all(snapshot.coupons for snapshot in await asyncio.gather(*readers))
    assert acme.count_requests() == 20


async def test_trifft_that_fails_is_soon_left_alone(
    provider: TrifftProvider, merchant: Merchant, acme: Project, metrics: Metrics
) -> None:
    acme.faults.set(Fault(kind="status", status=503))
    for _ in range(FAILURES):
        await meet(provider, merchant)
    seen = acme.count_requests()
    assert type(await meet(provider, merchant)) is ProviderUnavailableError
    with pytest.raises(ProviderUnavailableError):  # it was certainly not booked
        await provider.credit(merchant, CREDIT, timeout_s=30)
    assert acme.count_requests() == seen
    assert read(metrics, "loyalty_provider_breakers", state="open") == 1
    acme.faults.clear()
    await provider.probe(merchant, timeout_s=30)  # an operator's check is always sent
    await fetch(provider, merchant, JANA)


async def test_hanging_awards_prevent_the_next_from_being_in_doubt(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    acme.faults.set(Fault(kind="hang"))
    for number in range(FAILURES):
        booking = asyncio.create_task(provider.credit(merchant, CREDIT, timeout_s=30))
        await wait_until(lambda sent=number + 1: acme.count_requests("credit") == sent)  # type: ignore[misc]
        let_loop_pass(30)
        with pytest.raises(Exception, match="answer was lost"):
            await booking
    with pytest.raises(ProviderUnavailableError, match="was not called"):
        await provider.credit(merchant, CREDIT, timeout_s=30)


async def test_refused_token_does_not_open_the_breaker(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    merchant = make_merchant(token=acme.get_token("expired"))
    for _ in range(2 * FAILURES):
        assert type(await meet(provider, merchant)) is ProviderCredentialsError
    assert acme.count_requests() == 2 * FAILURES


async def test_many_readers_get_what_trifft_allows_and_send_no_more(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    """The stand-in has the same rule, and would refuse the fifty-first request."""
    merchant = make_merchant(profile="[rate]\nrequests = 50\n")
    unknown = [parse_identity("member_id", f"nobody-{number}") for number in range(100)]
    outcomes = await asyncio.gather(*(meet(provider, merchant, who, timeout_s=8) for who in unknown))
    assert not any(entry.status == 429 for entry in acme.requests)
    throttled = [error for error in outcomes if isinstance(error, ProviderThrottledError)]
    assert all(error.message.startswith("our own limit") and 0 < error.retry_after_s < 11 for error in throttled)
    assert len(unknown) - len(throttled) >= 0.9 * 50 / 2


async def test_two_processes_on_one_store_share_what_trifft_allows(
    make_merchant: MakeMerchant, acme: Project, valkey_url: str
) -> None:
    merchant = make_merchant(profile="[rate]\nrequests = 50\n")
    unknown = [parse_identity("member_id", f"nobody-{number}") for number in range(100)]
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        links = [await stack.enter_async_context(open_valkey(valkey_url, clock, timeout_s=30)) for _ in range(2)]
        fleet = [await stack.enter_async_context(TrifftProvider(clock, valkey=link)) for link in links]
        await asyncio.gather(*(meet(fleet[n % 2], merchant, who, timeout_s=8) for n, who in enumerate(unknown)))
    assert not any(entry.status == 429 for entry in acme.requests)
    assert acme.count_requests() >= 0.9 * 50 / 2


async def test_wrong_guess_costs_one_more_request(provider: TrifftProvider, merchant: Merchant, acme: Project) -> None:
    """The guess is cancelled once the member is found. Here it has already arrived."""
    acme.faults.set(Fault(kind="hang", operation="find"))
    reading = asyncio.create_task(fetch(provider, merchant, JANA, remembered="somebody-else", priority=Priority.BATCH))
    await wait_until(lambda: acme.count_requests() == 2)
    acme.faults.clear()
    await reading
    assert acme.count_requests() == 3
