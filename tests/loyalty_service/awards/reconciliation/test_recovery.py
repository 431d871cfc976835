"""A running server finds and settles awards in doubt by itself, and shows them in its metrics."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from structlog.testing import capture_logs

from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import BookingUnknownError
from loyalty_service.domain.ports import Booking
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.settings import ConfigError, Listen
from tests.loyalty_service.reconciling import ListingProvider, open_worker
from tests.loyalty_service.running import Client, StartService, run_service, wait_until

DUE = "UPDATE awards SET next_check_time_ms = 0 WHERE state = 'unknown'"


@pytest.fixture
def provider() -> ListingProvider:
    return ListingProvider()


async def get_award(client: Client, award_id: str) -> pb.Award:
    return (await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id=award_id))).award


async def lose_answer(_: Booking) -> None:
    raise BookingUnknownError("the answer was lost")


async def make_due(database_url: str, provider: ListingProvider) -> None:
    async with open_worker(database_url, provider) as worker:
        await worker.execute(DUE)


async def wait_for_state(client: Client, state: int) -> pb.Award:
    async with asyncio.timeout(60):
        while True:
            award = await get_award(client, "A-1")
            if award.state == state:
                return award
            await asyncio.sleep(0.02)


async def test_server_settles_awards_in_doubt_of_the_last_one_at_its_start(
    start_service: StartService, database_url: str, provider: ListingProvider
) -> None:
    async with start_service() as client:
        await client.add_merchant()
        provider.on_booked = lose_answer
        assert (await client.award()).award.state == pb.AWARD_STATE_UNKNOWN
    await make_due(database_url, provider)

    async with start_service() as client:
        award = await wait_for_state(client, pb.AWARD_STATE_APPLIED)

    assert award.provider_reference == "movement-1"


async def test_award_whose_process_died_is_unknown_soon_after_the_next_start(
    start_service: StartService, database_url: str, provider: ListingProvider
) -> None:
    async with open_worker(database_url, provider) as worker:
        await worker.open()
        await worker.let_pass(seconds=16)

    async with start_service() as client:
        await wait_for_state(client, pb.AWARD_STATE_UNKNOWN)


async def test_look_that_is_under_way_is_finished_before_the_server_leaves(
    start_service: StartService, database_url: str, provider: ListingProvider
) -> None:
    release = asyncio.Event()
    async with start_service() as client:
        await client.add_merchant()
        provider.on_booked = lose_answer
        await client.award()
    await make_due(database_url, provider)
    provider.on_list = release.wait

    with capture_logs() as logs:
        async with start_service():
            await wait_until(lambda: provider.lists)
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(release_when_draining(logs, release)))

    async with open_worker(database_url, provider) as worker:
        assert await worker.read_state() is AwardState.APPLIED


async def release_when_draining(logs: Sequence[Mapping[str, object]], release: asyncio.Event) -> None:
    await wait_until(lambda: any(line["event"] == "draining" for line in logs))
    release.set()


@asynccontextmanager
async def reading_metrics(database_url: str, provider: ListingProvider) -> AsyncIterator[tuple[Client, str]]:
    with capture_logs() as logs:
        async with run_service(database_url, provider, metrics_listen=Listen("127.0.0.1", 0)) as client:
            [address] = [line["address"] for line in logs if line["event"] == "metrics_listening"]
            yield client, f"http://{address}/metrics"


async def test_metrics_count_outcomes_of_awards_and_name_nobody(new_sqlite_url: str, provider: ListingProvider) -> None:
    async with reading_metrics(new_sqlite_url, provider) as (client, url), aiohttp.ClientSession() as session:
        await client.add_merchant(max_points_per_deduction=100)
        await client.award(debit=True, reason="Given twice")
        given = (await client.award(claimed_agent_email="martina@example.com")).award
        reversal = pb.ReverseAwardRequest(merchant_id="acme", request_id="undo-0001", award_id=given.award_id)
        await client.loyalty.ReverseAward(reversal)
        provider.on_booked = lose_answer
        lost = (await client.award()).award
        finding = pb.SettleAwardRequest(
            merchant_id="acme",
            award_id=lost.award_id,
            outcome=pb.AWARD_STATE_NOT_APPLIED,
            because="seen in TRIFFT",
            settled_by="Martina",
        )
        await client.loyalty.SettleAward(finding)
        async with session.get(url) as answer:
            text = await answer.text()

    lines = [line for line in text.splitlines() if line.startswith("loyalty_awards_total")]
    assert sorted(lines) == [
        'loyalty_awards_total{kind="award",outcome="applied"} 1.0',
        'loyalty_awards_total{kind="award",outcome="not_applied"} 1.0',
        'loyalty_awards_total{kind="award",outcome="unknown"} 1.0',
        'loyalty_awards_total{kind="deduction",outcome="applied"} 1.0',
        'loyalty_awards_total{kind="reversal",outcome="applied"} 1.0',
    ]
    assert "acme" not in text
    assert "martina" not in text


async def test_server_does_not_start_if_the_address_for_metrics_is_taken(
    new_sqlite_url: str, provider: ListingProvider
) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as taken:
        port = taken.sockets[0].getsockname()[1]
        with pytest.raises(ConfigError, match="LOYALTY_METRICS_LISTEN"):
            async with run_service(new_sqlite_url, provider, metrics_listen=Listen("127.0.0.1", port)):
                pass
