"""kill -9 of the real process while awards are under way, again and again, on either engine.

Time in the ledger passes by setting it back between two lives, so that what a dead process left is looked for at once.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import TypeAlias

import grpc
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from sqlalchemy import text

from loyalty_service.database import open_database
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from sandbox.trifft import Member, Project, Settings, Trifft, create_trifft_app, make_project
from tests.loyalty_service.books import assert_record_agrees, execute
from tests.loyalty_service.crashing import Process, running
from tests.loyalty_service.running import SECRET_KEY, Client, make_request_id

# The torture kills for minutes; here every commit is tried.
KILLS = 20
# Each shop is looked after once a second: many of them, so that a short life gets to all that the last one left.
SHOPS = 24
PRESSES_A_LIFE = 4
# Three calls an award: from before the first is opened until after the last is settled. Some lives are long enough for
# all that was pressed.
CALLS_A_LIFE = 4 * PRESSES_A_LIFE
COMPLETE = "[list_movements]\ncomplete = true\n"
# Agents here are quicker than any shop's.
MANY_REQUESTS = "[rate]\nrequests = 100000\n"
AGE = """
UPDATE awards SET attempt_time_ms = attempt_time_ms - 1200000, lease_expire_time_ms = lease_expire_time_ms - 1200000,
  next_check_time_ms = CASE WHEN state = 'unknown' THEN 0 ELSE next_check_time_ms END
WHERE state IN ('pending', 'unknown')
"""
BOOKED, NOT_BOOKED = {"applied"}, {"rejected", "not_applied"}


Press: TypeAlias = pb.AwardPointsRequest | pb.ReverseAwardRequest


class Agents:
    """They press buttons, press again what was not answered, and take some of it back."""

    def __init__(self, projects: list[Project]) -> None:
        self._projects = projects
        self._unanswered: deque[Press] = deque()
        self._applied: list[pb.Award] = []
        self.answers: dict[tuple[str, str], int] = {}

    async def work(self, client: Client) -> None:
        presses: list[Press] = [self._unanswered.popleft() for _ in range(min(2, len(self._unanswered)))]
        if self._applied:
            presses.append(self._make_reversal(self._applied.pop()))
        while len(presses) < PRESSES_A_LIFE:
            presses.append(self._make_award())
        await asyncio.gather(*(self._press(client, request) for request in presses))

    def _make_award(self) -> pb.AwardPointsRequest:
        project = random.choice(self._projects)  # noqa: S311  no secret
        member = Member()
        project.members[member.id] = member
        points = random.randint(1, 500)  # noqa: S311  no secret
        return pb.AwardPointsRequest(
            merchant_id=project.project_id, request_id=make_request_id(), member_id=member.id, points=points
        )

    def _make_reversal(self, award: pb.Award) -> pb.ReverseAwardRequest:
        return pb.ReverseAwardRequest(
            merchant_id=award.merchant_id, request_id=make_request_id(), award_id=award.award_id
        )

    async def _press(self, client: Client, request: Press) -> None:
        try:
            if isinstance(request, pb.AwardPointsRequest):
                award = (await client.loyalty.AwardPoints(request, timeout=30)).award
            else:
                award = (await client.loyalty.ReverseAward(request, timeout=30)).award
        except grpc.aio.AioRpcError as error:
            if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
                raise
            self._unanswered.append(request)
            return
        self.answers[award.merchant_id, award.request_id] = award.state
        if award.state == pb.AWARD_STATE_APPLIED and not award.reverses:
            self._applied.append(award)


class Calls:
    """What agents caused to arrive at TRIFFT: the clock by which processes die, however fast the machine is."""

    def __init__(self) -> None:
        self._count = 0
        self._arrived = asyncio.Condition()

    @web.middleware
    async def observe(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.endswith("/movement"):
            async with self._arrived:
                self._count += 1
                self._arrived.notify_all()
        return await handler(request)

    async def wait_for_next(self, count: int) -> None:
        until = self._count + count
        async with self._arrived:
            await self._arrived.wait_for(lambda: self._count >= until)


@pytest.fixture
def projects() -> list[Project]:
    names = [f"shop-{number}" for number in range(SHOPS)]
    return [make_project(name, settings=Settings(rate_limit=False)) for name in names]


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
async def trifft_url(projects: list[Project], calls: Calls) -> AsyncIterator[str]:
    app = create_trifft_app(Trifft(projects))
    app.middlewares.append(calls.observe)
    async with TestServer(app) as server:
        yield str(server.make_url(""))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as database:
        yield database


async def test_award_is_never_lost_and_never_doubled_by_processes_that_are_killed(
    database_url: str, database: Database, projects: list[Project], trifft_url: str, calls: Calls
) -> None:
    settings = {
        "LOYALTY_LISTEN": "127.0.0.1:0",
        "LOYALTY_DATABASE_URL": database_url,
        "LOYALTY_SECRET_KEYS": SECRET_KEY,
    }
    async with running(settings) as process, process.connect() as client:
        await asyncio.gather(*(add_merchant(client, project, trifft_url) for project in projects))
    agents = Agents(projects)

    for _ in range(KILLS):
        async with running(settings) as process:
            await live(process, agents, calls)
        await age(database)
    # On a busy machine the killed ones may have come to nothing: one more lives.
    async with running(settings) as process, process.connect() as client:
        await agents.work(client)
    await settle_all(settings, database)

    assert_books_agree(await read_states(database), read_movements(projects), agents)
    await assert_record_agrees(database)


async def live(process: Process, agents: Agents, calls: Calls) -> None:
    """Let agents work until the process is killed, at a random moment: one of seven in its first steps."""
    if random.random() < 0.15:  # noqa: S311  no secret
        await asyncio.sleep(random.uniform(0, 0.1))  # noqa: S311
        return
    async with process.connect() as client:
        await client.channel.channel_ready()
        work = asyncio.create_task(agents.work(client))
        moment = asyncio.create_task(calls.wait_for_next(random.randint(0, CALLS_A_LIFE)))  # noqa: S311
        await asyncio.wait({work, moment}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(random.uniform(0, 0.005))  # noqa: S311
        process.kill()
        moment.cancel()
        await work


async def add_merchant(client: Client, project: Project, trifft_url: str) -> None:
    merchant = pb.Merchant(merchant_id=project.project_id, provider_url=trifft_url, profile=COMPLETE + MANY_REQUESTS)
    request = pb.CreateMerchantRequest(merchant=merchant, provider_token=project.get_token(), skip_probe=True)
    await client.merchants.CreateMerchant(request)


async def settle_all(settings: dict[str, str], database: Database) -> None:
    """Start again until no award is pending or unknown; a start looks at once for all that is due, one of each shop."""
    life_s = 0.1
    while any(state in {"pending", "unknown"} for _, _, state in await read_states(database)):
        assert life_s < 60, "not settled"
        await age(database)
        async with running(settings) as process:
            await process.wait_for_address()
            await asyncio.sleep(life_s)
        life_s *= 1.3  # a slow machine gets more time


async def age(database: Database) -> None:
    await execute(database, AGE)
    await execute(database, "UPDATE reconciliation_claims SET next_claim_time_ms = 0")


async def read_states(database: Database) -> list[tuple[str, str, str]]:
    """(merchant, our reference at the provider, state) of each award."""
    query = text("SELECT merchant_id, 'A-' || number || ':' || request_id AS reference, state FROM awards")
    rows = await database.read(lambda connection: connection.execute(query).all())
    return [(row.merchant_id, row.reference, row.state) for row in rows]


def read_movements(projects: list[Project]) -> Counter[tuple[str, str]]:
    """How often each reference was booked."""
    return Counter(
        (project.project_id, movement.reference or "")
        for project in projects
        for member in project.members.values()
        for movement in member.movements
    )


def assert_books_agree(states: list[tuple[str, str, str]], booked: Counter[tuple[str, str]], agents: Agents) -> None:
    known = {(merchant_id, reference): state for merchant_id, reference, state in states}
    assert set(booked.values()) == {1}, "doubled"
    assert not booked.keys() - known.keys(), "booked without a row"
    untrue = [key for key, state in known.items() if state not in (BOOKED if key in booked else NOT_BOOKED)]
    assert not untrue
    by_request = {
        (merchant_id, reference.partition(":")[2]): state for (merchant_id, reference), state in known.items()
    }
    answered = {key for key, state in agents.answers.items() if state == pb.AWARD_STATE_APPLIED}
    assert {by_request[key] for key in answered} == {"applied"}, "answered as applied"
