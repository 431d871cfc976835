"""While our own database is down, callers read that it is down and when to retry, never that there is a bug."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import grpc
import pytest
from structlog.testing import capture_logs

from loyalty_service.awards.reconciliation import loop
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, Failure, catch_failure, make_request_id, run_service
from tests.loyalty_service.scripted import JANA, ScriptedProvider

BLOOM = {"merchant_id": "bloom"}  # no process has read it, so none holds it
JANA_BY_ID = pb.MemberIdentity(member_id=JANA)
REQUESTS: dict[str, dict[str, Any]] = {
    "GetSnapshot": BLOOM | {"identity": JANA_BY_ID},
    "BatchGetSnapshots": BLOOM | {"identities": [JANA_BY_ID]},
    "GetHeldSnapshot": BLOOM | {"identity": JANA_BY_ID},
    "InvalidateSnapshot": BLOOM | {"member_id": JANA},
    "EraseMember": BLOOM | {"member_id": JANA, "erased_by": "ops"},
    "AwardPoints": BLOOM | {"request_id": make_request_id(), "member_id": JANA, "points": 100},
    "ReverseAward": BLOOM | {"request_id": make_request_id(), "award_id": "A-1"},
    "SettleAward": BLOOM
    | {"award_id": "A-1", "outcome": pb.AWARD_STATE_APPLIED, "settled_by": "ops", "because": "seen"},
    "GetAward": BLOOM | {"award_id": "A-1"},
    "ListAwards": BLOOM,
    "SumAwards": BLOOM | {"group_by": pb.AWARD_GROUPING_AGENT},
    "CreateMerchant": {
        "merchant": pb.Merchant(merchant_id="bloom", provider_url="https://api.trifft.io"),
        "provider_token": "made-up-token",
        "skip_probe": True,
    },
    "GetMerchant": BLOOM,
    "ListMerchants": {},
    "UpdateMerchant": {"merchant": pb.Merchant(merchant_id="bloom"), "update_mask": {"paths": ["locale"]}},
    "DeleteMerchant": BLOOM,
    "CheckMerchant": BLOOM,
    "InspectMember": BLOOM | {"identity": JANA_BY_ID},
    "VerifyMerchant": BLOOM | {"member_id": JANA, "shown_balance": "1240.5", "give": 1, "verified_by": "jo@ops"},
    "CreateCaller": {"caller": pb.Caller(name="bot", role=pb.CALLER_ROLE_READ)},
    "ListCallers": {},
    "DeleteCaller": {"name": "bot"},
}
TakeAway = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Keep logs off the console, where a traceback takes a second to draw."""
    with capture_logs():
        yield


@asynccontextmanager
async def lend_database(url: str, server_url: str) -> AsyncIterator[tuple[TakeAway, TakeAway]]:
    """Yield two functions: one ends all connections and allows no new ones, the other allows them again."""
    name = url.partition("?")[0].rpartition("/")[2]
    server = await asyncpg.connect(server_url)

    async def take_away() -> None:
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        await server.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)

    async def bring_back() -> None:
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")

    try:
        yield take_away, bring_back
    finally:
        await bring_back()
        await server.close()


async def call(client: Client, method: str) -> Failure:
    stubs = (client.loyalty, client.merchants, client.callers)
    [send] = [getattr(stub, method) for stub in stubs if hasattr(stub, method)]
    return await catch_failure(send(getattr(pb, f"{method}Request")(**REQUESTS[method])))


def test_list_of_calls_is_complete() -> None:
    services = pb.DESCRIPTOR.services_by_name.values()
    assert {method.name for service in services for method in service.methods} == REQUESTS.keys()


async def test_every_call_says_that_the_store_is_down_and_when_to_retry(
    new_postgres_url: str, postgres_url: str, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PAUSE_AFTER_FAILURE_S", 0.1)
    async with (
        lend_database(new_postgres_url, postgres_url) as (take_away, _bring_back),
        run_service(new_postgres_url, provider) as client,
    ):
        await take_away()
        failures = [await call(client, method) for method in REQUESTS]

    told = [(failure.code, failure.reason, failure.message, failure.retry_s) for failure in failures]
    message = "the loyalty service's database does not answer"
    assert told == [(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", message, 2.0)] * len(REQUESTS)


async def test_award_without_a_store_is_not_sent_and_is_given_once_the_store_is_back(
    new_postgres_url: str, postgres_url: str, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PAUSE_AFTER_FAILURE_S", 0.1)
    request_id = make_request_id()
    async with (
        lend_database(new_postgres_url, postgres_url) as (take_away, bring_back),
        run_service(new_postgres_url, provider) as client,
    ):
        await client.add_merchant()
        await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=JANA_BY_ID))
        await take_away()
        refused = await catch_failure(client.award(request_id=request_id))
        credited = list(provider.credits)
        await bring_back()
        answer = await client.award(request_id=request_id)

    assert (refused.code, refused.reason, credited) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", [])
    assert (answer.award.state, answer.award.award_id, answer.replayed) == (pb.AWARD_STATE_APPLIED, "A-1", False)
    assert len(provider.credits) == 1
