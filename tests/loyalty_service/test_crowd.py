"""A crowd of callers before the real adapter and the stand-in, which has TRIFFT's own rate rule."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from aiohttp.test_utils import TestServer
from google.protobuf.duration_pb2 import Duration

from loyalty_service.trifft.client import TrifftProvider
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.clock import SystemClock
from sandbox.trifft import Member, Project, Trifft, make_project
from sandbox.trifft.app import create_trifft_app
from tests.loyalty_service.running import Client, Failure, catch_failure, run_service

NOW = Duration()
# A period that is not over before a busy machine has asked; and what one shop's TRIFFT allows.
PERIOD_S = 600
PROFILE = f"[rate]\nperiod_s = {PERIOD_S}\n"
PROFILES = {"tiny": f"{PROFILE}requests = 2\n"}


@pytest.fixture
def projects() -> list[Project]:
    return [make_project(name, [Member(id="jana", email="jana@example.com")]) for name in ("acme", "bloom", "tiny")]


@pytest.fixture
async def crowded(new_sqlite_url: str, projects: list[Project]) -> AsyncIterator[Client]:
    async with (
        TestServer(create_trifft_app(Trifft(projects))) as server,
        TrifftProvider(SystemClock()) as provider,
        run_service(new_sqlite_url, provider) as client,
    ):
        for project in projects:
            merchant = pb.Merchant(
                merchant_id=project.project_id,
                provider_url=str(server.make_url("")),
                profile=PROFILES.get(project.project_id, PROFILE),
            )
            await client.merchants.CreateMerchant(
                pb.CreateMerchantRequest(
                    merchant=merchant,
                    provider_token=project.get_token(),
                    skip_probe=True,
                    allow_private_url=True,
                )
            )
        yield client


async def read(client: Client, email: str, merchant_id: str = "acme") -> pb.Snapshot:
    request = pb.GetSnapshotRequest(merchant_id=merchant_id, identity=pb.MemberIdentity(email=email), max_staleness=NOW)
    return (await client.loyalty.GetSnapshot(request)).snapshot


async def crowd(client: Client) -> list[Failure]:
    """Ticket events of people who are no members: whoever is asked about costs a request."""
    return await asyncio.gather(*(catch_failure(read(client, f"nobody-{n}@example.com")) for n in range(120)))


async def test_crowd_in_one_shop_is_kept_to_its_rate_and_nothing_to_another(
    crowded: Client, projects: list[Project]
) -> None:
    acme, bloom, _ = projects
    await read(crowded, "jana@example.com")
    failures = await crowd(crowded)
    refused = [failure for failure in failures if failure.reason == "PROVIDER_THROTTLED"]

    assert {failure.reason for failure in failures} == {"PROVIDER_THROTTLED", "MEMBER_NOT_FOUND"}
    assert all(
        failure.code is grpc.StatusCode.UNAVAILABLE and 0 < failure.retry_s < PERIOD_S + 1 for failure in refused
    )
    assert 45 <= acme.count_requests() <= 50
    assert not any(entry.status == 429 for entry in acme.requests)

    held = await read(crowded, "jana@example.com")
    assert pb.ErrorReason.Name(held.stale_reason) == "PROVIDER_THROTTLED"
    award = (await crowded.award(member_id="jana")).award  # some slots are for awards alone
    assert award.state == pb.AWARD_STATE_APPLIED
    assert (await read(crowded, "jana@example.com", "bloom")).stale_reason == 0
    assert bloom.count_requests() == 2


async def test_batch_read_leaves_slots_to_ticket_events(crowded: Client, projects: list[Project]) -> None:
    identities = [pb.MemberIdentity(email=f"nobody-{number}@example.com") for number in range(100)]
    await crowded.loyalty.BatchGetSnapshots(pb.BatchGetSnapshotsRequest(merchant_id="acme", identities=identities))
    spent = projects[0].count_requests()
    await read(crowded, "jana@example.com")

    assert spent <= 40


async def test_award_without_a_slot_is_not_sent_and_may_be_tried_again(
    crowded: Client, projects: list[Project]
) -> None:
    await read(crowded, "jana@example.com", "tiny")
    award = (await crowded.award(merchant_id="tiny", member_id="jana")).award

    assert (award.state, award.retryable) == (pb.AWARD_STATE_REJECTED, True)
    assert pb.ErrorReason.Name(award.rejection_reason) == "PROVIDER_THROTTLED"
    assert projects[2].count_requests("credit") == 0
