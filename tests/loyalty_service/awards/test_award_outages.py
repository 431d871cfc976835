"""What a caller is told while the ledger cannot be read: never that nothing happened, once something may have."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from loyalty_service.database import open_database
from loyalty_service.domain.member import MemberStatus
from loyalty_service.domain.ports import Booking
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from tests.loyalty_service.holding import hold_transaction
from tests.loyalty_service.running import (
    AT_ONCE_S,
    Client,
    StartService,
    catch_failure,
    make_request_id,
    run_service,
)
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Kept from the console, where a traceback takes a second to draw."""
    with capture_logs():
        yield


async def rename(database: Database, old: str, new: str) -> None:
    await database.write(lambda connection: connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}")))


async def test_award_that_was_sent_is_pending_while_the_ledger_fails_and_is_settled_afterwards(
    database_url: str, start_service: StartService, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty_service.awards.sender.SETTLE_TRIES", 4000)
    monkeypatch.setattr("loyalty_service.awards.sender.SETTLE_S", 40.0)  # a busy machine is no ledger that stays away
    request_id, is_lost = make_request_id(), asyncio.Event()
    async with open_database(database_url) as database, start_service(award_answer_s=AT_ONCE_S) as client:
        await client.add_merchant()
        await client.hold()

        async def fail_ledger(_: Booking) -> None:
            await rename(database, "awards", "lost")
            is_lost.set()

        provider.on_credit = fail_ledger
        first = await client.award(request_id=request_id)
        await is_lost.wait()
        replay = await catch_failure(client.award(request_id=request_id))
        await rename(database, "lost", "awards")
        while (last := await client.award(request_id=request_id)).award.state == pb.AWARD_STATE_PENDING:
            pass

    assert (first.award.state, first.award.award_id, first.replayed) == (pb.AWARD_STATE_PENDING, "A-1", False)
    assert replay.reason == "STORE_UNAVAILABLE"
    assert (last.award.state, last.replayed) == (pb.AWARD_STATE_APPLIED, True)
    assert len(provider.credits) == 1


async def test_award_that_was_sent_is_pending_while_the_ledger_does_not_answer(
    new_postgres_url: str, provider: ScriptedProvider
) -> None:
    opened, free = asyncio.Event(), asyncio.Event()

    async def hold_ledger() -> None:
        async with hold_transaction(new_postgres_url, "LOCK TABLE awards IN ACCESS EXCLUSIVE MODE"):
            opened.set()
            await free.wait()

    async def start_holding(_: Booking) -> None:
        holders.append(asyncio.ensure_future(hold_ledger()))
        await opened.wait()

    holders: list[asyncio.Future[None]] = []
    provider.on_credit = start_holding
    async with run_service(new_postgres_url, provider, award_answer_s=0.2) as client:
        await client.add_merchant()
        await client.hold()
        answer = await client.award()
        free.set()
        await asyncio.gather(*holders)

    assert answer.award.state == pb.AWARD_STATE_PENDING


async def test_award_that_cannot_be_put_on_record_in_time_is_never_sent(
    new_postgres_url: str, provider: ScriptedProvider
) -> None:
    """However long the database hangs: what it opens afterwards, nobody waits for any more."""
    request_id = make_request_id()
    lease_of_less_than_a_second: dict[str, Any] = {"award_timeout_s": -4.2}
    async with (
        run_service(new_postgres_url, provider, **lease_of_less_than_a_second) as client,
    ):
        await client.add_merchant()
        async with hold_transaction(new_postgres_url, "INSERT INTO award_numbers VALUES ('acme', 0)"):
            refused = await catch_failure(client.award(request_id=request_id))
        again = await client.award(request_id=request_id)

    assert refused.reason == "STORE_UNAVAILABLE"
    assert (again.award.award_id, again.award.state, again.award.retryable) == ("A-1", pb.AWARD_STATE_REJECTED, True)
    assert provider.credits == []


async def test_held_member_who_was_blocked_then_is_asked_for_again(client: Client, provider: ScriptedProvider) -> None:
    provider.members[JANA] = make_member(status=MemberStatus.BLOCKED)
    identity = pb.MemberIdentity(member_id=JANA)
    await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=identity))
    refused = await catch_failure(client.award())
    provider.members[JANA] = make_member()

    answer = await client.award()

    assert refused.reason == "MEMBER_BLOCKED"
    assert answer.award.state == pb.AWARD_STATE_APPLIED
