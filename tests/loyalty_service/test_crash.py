"""kill -9 of the real process at each stage of an award; on SQLite only while one is given.

Time in the ledger passes by setting it back, so that the next process reconciles at once.
"""

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Literal, TypeAlias

import grpc
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from sqlalchemy import text

from loyalty_service.database import open_database
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database, DatabaseError
from sandbox.trifft import Member, Project, Settings, Trifft, create_trifft_app, make_project
from tests.loyalty_service.books import assert_record_agrees
from tests.loyalty_service.crashing import Process, running
from tests.loyalty_service.running import SECRET_KEY, Client, make_request_id
from tests.statements import execute

# Each shop is reconciled once a second. With several shops one life settles all that the last one left.
SHOPS = 6
# In each life: two unanswered presses, an undo, and an award. So each life reaches every stage.
PRESSES_A_LIFE = 4
COMPLETE = "[list_movements]\ncomplete = true\n"
# These agents need more requests than a shop's.
MANY_REQUESTS = "[rate]\nrequests = 100000\n"
AGE = """
UPDATE awards SET attempt_time_ms = attempt_time_ms - 1200000, lease_expire_time_ms = lease_expire_time_ms - 1200000,
  next_check_time_ms = CASE WHEN state = 'unknown' THEN 0 ELSE next_check_time_ms END
WHERE state IN ('pending', 'unknown')
"""
BOOKED, NOT_BOOKED = {"applied"}, {"rejected", "not_applied"}
Stage: TypeAlias = Literal["arrived", "booked", "answered"]
# TRIFFT's operation, and its progress when the process dies. While the member is read, nothing is on record.
MOMENTS: list[tuple[str, Stage]] = [
    ("get", "arrived"),
    ("credit", "arrived"),
    ("credit", "booked"),
    ("credit", "answered"),
    ("debit", "arrived"),
    ("debit", "booked"),
    ("movements", "arrived"),
    ("movements", "answered"),
]
# The ledger's statements are the same on SQLite, where the process dies only while an award is given. `make torture`
# kills on both engines at any moment.
MOMENTS_ON_SQLITE = MOMENTS[:4]


Press: TypeAlias = pb.AwardPointsRequest | pb.ReverseAwardRequest


class Agents:
    """Press buttons, press again after a missing answer, and take some awards back."""

    def __init__(self, projects: list[Project]) -> None:
        self._projects = itertools.cycle(projects)
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
        project = next(self._projects)
        member = Member()
        project.members[member.id] = member
        return pb.AwardPointsRequest(
            merchant_id=project.project_id, request_id=make_request_id(), member_id=member.id, points=100
        )

    def _make_reversal(self, award: pb.Award) -> pb.ReverseAwardRequest:
        return pb.ReverseAwardRequest(
            merchant_id=award.merchant_id, request_id=make_request_id(), award_id=award.award_id
        )

    async def _press(self, client: Client, request: Press) -> None:
        try:
            if isinstance(request, pb.AwardPointsRequest):
                award = (await client.loyalty.AwardPoints(request, timeout=60)).award
            else:
                award = (await client.loyalty.ReverseAward(request, timeout=60)).award
        except grpc.aio.AioRpcError as error:
            if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
                raise
            self._unanswered.append(request)
            return
        self.answers[award.merchant_id, award.request_id] = award.state
        if award.state == pb.AWARD_STATE_APPLIED and not award.reverses:
            self._applied.append(award)


class Killer:
    """Kills the process at a call of TRIFFT, however fast the machine is."""

    def __init__(self) -> None:
        self._moment: tuple[str, Stage] | None = None
        self._process: Process | None = None
        self.struck = asyncio.Event()

    def aim(self, process: Process, moment: tuple[str, Stage]) -> None:
        self._process, self._moment = process, moment
        self.struck.clear()

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A call that has only arrived when its caller dies has no effect."""
        last = request.path.rpartition("/")[2]
        operation = {"movement": "movements", "credit": "credit", "debit": "debit"}.get(last, "get")
        if self._strike(operation, "arrived"):
            raise web.HTTPServiceUnavailable
        response = await handler(request)
        self._strike(operation, "booked")
        if self._moment == (operation, "answered"):
            asyncio.get_running_loop().call_later(0.002, self._strike, operation, "answered")
        return response

    def _strike(self, operation: str, stage: Stage) -> bool:
        if self._process is None or self._moment != (operation, stage):
            return False
        self._process.kill()
        self._process, self._moment = None, None
        self.struck.set()
        return True


@pytest.fixture
def projects() -> list[Project]:
    names = [f"shop-{number}" for number in range(SHOPS)]
    return [make_project(name, settings=Settings(rate_limit=False)) for name in names]


@pytest.fixture
def killer() -> Killer:
    return Killer()


@pytest.fixture
async def trifft_url(projects: list[Project], killer: Killer) -> AsyncIterator[str]:
    app = create_trifft_app(Trifft(projects))
    app.middlewares.append(killer.watch)
    async with TestServer(app) as server:
        yield str(server.make_url(""))


@pytest.fixture
async def database(each_database_url: str) -> AsyncIterator[Database]:
    async with open_database(each_database_url) as database:
        yield database


async def test_killed_processes_never_lose_or_double_an_award(
    each_database_url: str, database: Database, projects: list[Project], trifft_url: str, killer: Killer
) -> None:
    settings = {
        "LOYALTY_LISTEN": "127.0.0.1:0",
        "LOYALTY_DATABASE_URL": each_database_url,
        "LOYALTY_SECRET_KEYS": SECRET_KEY,
        "LOYALTY_READ_TIMEOUT_S": "20",  # generous: a busy machine must not look like a TRIFFT that hangs
    }
    agents = Agents(projects)
    async with running(settings) as process, process.connect() as client:
        await asyncio.gather(*(add_merchant(client, project, trifft_url) for project in projects))
        for _ in range(4):  # later lives take these awards back
            await agents.work(client)

    for moment in MOMENTS_ON_SQLITE if each_database_url.startswith("sqlite") else MOMENTS:
        await age(database)
        async with running(settings) as process, process.connect() as client:
            killer.aim(process, moment)
            work = asyncio.create_task(agents.work(client))
            await asyncio.wait_for(killer.struck.wait(), 60)
            await work
    async with running(settings):
        pass  # it is killed in its first steps
    async with running(settings) as process, process.connect() as client:
        await agents.work(client)
        await settle_all(database)

    assert_books_agree(await read_states(database), read_movements(projects), agents)
    await assert_record_agrees(database)


async def add_merchant(client: Client, project: Project, trifft_url: str) -> None:
    merchant = pb.Merchant(merchant_id=project.project_id, provider_url=trifft_url, profile=COMPLETE + MANY_REQUESTS)
    request = pb.CreateMerchantRequest(merchant=merchant, provider_token=project.get_token(), skip_probe=True)
    await client.merchants.CreateMerchant(request)


async def settle_all(database: Database) -> None:
    """Wait until no award is pending or unknown."""
    async with asyncio.timeout(120):
        while any(state in {"pending", "unknown"} for _, _, state in await read_states(database)):
            # PostgreSQL may refuse it because of a deadlock with a claim, since it locks rows in any order. The next
            # round tries again.
            with suppress(DatabaseError):
                await age(database)
            await asyncio.sleep(0.1)


async def age(database: Database) -> None:
    await execute(database, AGE)
    await execute(database, "UPDATE reconciliation_claims SET next_claim_time_ms = 0")


async def read_states(database: Database) -> list[tuple[str, str, str]]:
    """List (merchant, our reference at the provider, state) of each award."""
    query = text("SELECT merchant_id, 'A-' || number || ':' || request_id AS reference, state FROM awards")
    rows = await database.read(lambda connection: connection.execute(query).all())
    return [(row.merchant_id, row.reference, row.state) for row in rows]


def read_movements(projects: list[Project]) -> Counter[tuple[str, str]]:
    """Count how often each reference was booked."""
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
    assert {by_request[key] for key in answered} == {"applied"}, "answered as applied, but not so recorded"
