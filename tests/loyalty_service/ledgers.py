"""A ledger on a real database, and a desk that gives awards. Time passes by making the rows older."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from prometheus_client import generate_latest
from sqlalchemy import select, text

from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.ledger.open import Opening
from loyalty_service.awards.ledger.read import History
from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.awards.ledger.tables import award_changes, awards
from loyalty_service.awards.parse import GivenAward, GivenReversal
from loyalty_service.awards.sender import Sender, make_lease_s
from loyalty_service.awards.service import AwardAnswer, AwardService
from loyalty_service.database import open_database
from loyalty_service.domain.award import Award, AwardRequest, AwardState, Receipt
from loyalty_service.domain.errors import LoyaltyError
from loyalty_service.domain.limits import NO_LIMITS, Limits
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock, Snapshots
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.merchants.store import MerchantStore
from loyalty_service.metrics import Metrics
from loyalty_service.snapshots import open_snapshots
from loyalty_service.trifft.fingerprint import make_fingerprint
from runtime.clock import SystemClock
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.loyalty_service.running import SECRET_KEY, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_merchant

UTC_ZONE = ZoneInfo("UTC")
BOOKED = Receipt(provider_reference="movement-1", balance=None, delayed=False)
APPLIED = Settlement(state=AwardState.APPLIED, receipt=BOOKED, why="TRIFFT confirmed it")
REFUSED = Settlement(state=AwardState.REJECTED, rejection_reason="PROVIDER_REFUSED", why="TRIFFT refused it")
NOT_REACHED = Settlement(
    state=AwardState.REJECTED,
    rejection_reason="PROVIDER_UNAVAILABLE",
    retryable=True,
    why="TRIFFT was not reached",
)
LOST = Settlement(state=AwardState.UNKNOWN, why="sent, and TRIFFT's answer was lost")

WINDOWS_S = {"lease_s": 15.0, "repeat_window_s": 600.0, "reversal_window_s": 1800.0}


def make_request(points: int = 100, member_id: str = JANA, **fields: Any) -> AwardRequest:  # noqa: ANN401  any field
    request = AwardRequest(
        merchant_id="acme",
        request_id=make_request_id(),
        member_id=member_id,
        points=points,
        note="",
        ticket_id="",
        claimed_agent_email="",
        claimed_agent_name="",
    )
    return msgspec.structs.replace(request, **fields)


class Book:
    """The ledger of acme, and what a test does to it."""

    def __init__(self, database: Database, **windows_s: float) -> None:
        self.database = database
        self.metrics = Metrics()
        self.ledger = Ledger(database, **(WINDOWS_S | windows_s), metrics=self.metrics)

    async def open(
        self,
        points: int = 100,
        *,
        limits: Limits = NO_LIMITS,
        zone: ZoneInfo = UTC_ZONE,
        **fields: Any,  # noqa: ANN401  of AwardRequest
    ) -> Opening:
        return await self.ledger.open(make_request(points, **fields), limits, zone)

    async def settle_by_movements(self, number: int, state: AwardState, **told: Any) -> Award:  # noqa: ANN401  of Settlement
        if state is AwardState.APPLIED:
            told = {"receipt": Receipt(provider_reference="", balance=None, delayed=False)} | told
        return await self.ledger.settle_by_movements("acme", number, Settlement(state=state, **told))

    async def settle(self, opening: Opening, settlement: Settlement) -> Award:
        return await self.ledger.settle(opening.award, settlement)

    async def give(self, points: int = 100, **wanted: Any) -> Award:  # noqa: ANN401  as `open`
        """Give an award that the provider confirms."""
        return await self.settle(await self.open(points, **wanted), APPLIED)

    async def open_reversal(self, award: Award, **fields: Any) -> Opening:  # noqa: ANN401  any field of AwardRequest
        wanted = make_request(
            award.request.points,
            award.request.member_id,
            reverses=award.number,
            is_debit=not award.request.is_debit,
            **fields,
        )
        return await self.ledger.open_reversal(wanted, UTC_ZONE)

    async def take_back(self, award: Award) -> Award:
        return await self.settle(await self.open_reversal(award), APPLIED)

    async def read(self, number: int) -> Award:
        award = await self.ledger.find_number("acme", number)
        assert award is not None
        return award

    async def read_column(self, number: int, name: str) -> Any:  # noqa: ANN401  as the column's
        query = select(awards.c[name]).where(awards.c.number == number)
        return await self.database.read(lambda connection: connection.execute(query).scalar_one())

    async def list_changes(self, number: int) -> list[tuple[str | None, str, str, str]]:
        """List (from, to, actor, why) of each change."""
        columns = (award_changes.c.from_state, award_changes.c.state, award_changes.c.actor, award_changes.c.why)
        query = select(*columns).where(award_changes.c.number == number).order_by(award_changes.c.change_id)
        rows = await self.database.read(lambda connection: connection.execute(query).all())
        return [(row.from_state, row.state, row.actor, row.why) for row in rows]

    def read_metrics(self) -> dict[str, float]:
        return read_metrics(self.metrics)

    async def let_pass(self, length_s: float) -> None:
        """Make all rows of the ledger older by this time."""
        columns = ("attempt_time_ms", "lease_expire_time_ms", "create_time_ms", "update_time_ms", "next_check_time_ms")
        shifts = ", ".join(f"{name} = {name} - :length_ms" for name in columns)
        shift = text(f"UPDATE awards SET {shifts}")  # noqa: S608  names written above
        await self.database.write(lambda connection: connection.execute(shift, {"length_ms": round(length_s * 1000)}))


def read_metrics(metrics: Metrics) -> dict[str, float]:
    """Read each metric's value, by its name with its labels."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


@asynccontextmanager
async def open_book(database_url: str, **windows_s: float) -> AsyncIterator[Book]:
    async with open_database(database_url) as database:
        yield Book(database, **windows_s)


class Desk(Book):
    """Gives awards as callers ask for them, in one process. `merchant` may be replaced."""

    def __init__(self, database: Database, provider: ScriptedProvider, snapshots: Snapshots, clock: Clock) -> None:
        super().__init__(database)
        self.merchant: Merchant = make_merchant()
        self.snapshots = snapshots
        self.sender = Sender(self.ledger, provider, snapshots, timeout_s=10.0, clock=clock)
        self.merchants = MerchantStore(
            database, SecretKeys((SECRET_KEY,)), SystemClock(), make_fingerprint=make_fingerprint
        )
        self.awards = AwardService(
            self.ledger,
            self.sender,
            snapshots,
            self.merchants,
            read_timeout_s=30.0,  # generous: a busy machine must not look like a provider that hangs
            opening_timeout_s=make_lease_s(10.0),
            hold_time_s=900.0,
        )

    async def award(self, points: int = 100, *, answer_s: float = 30.0, **fields: Any) -> AwardAnswer:  # noqa: ANN401  of GivenAward
        wanted: dict[str, Any] = {"request_id": make_request_id(), "member_id": JANA, "points": points} | fields
        return await self.awards.award(self.merchant, GivenAward(**wanted), answer_s=answer_s)

    async def show(self) -> Snapshot:
        """Show Jana in a sidebar with data of any age, which is held afterwards."""
        identity = Identity(kind="member_id", value=JANA)
        read = await self.snapshots.get(self.merchant, identity, max_staleness_s=None, timeout_s=30.0)
        return read.snapshot

    async def undo(self, award_id: str = "A-1", *, answer_s: float = 30.0, **fields: Any) -> AwardAnswer:  # noqa: ANN401  of GivenReversal
        wanted = GivenReversal(**({"request_id": make_request_id(), "award_id": award_id} | fields))
        return await self.awards.reverse(self.merchant, wanted, answer_s=answer_s)


@asynccontextmanager
async def run_desk(database: Database, provider: ScriptedProvider, clock: Clock | None = None) -> AsyncIterator[Desk]:
    """`clock`: the sender's clock."""
    opening = open_snapshots(
        provider,
        SystemClock(),
        recent=History(database, reversal_window_s=1800.0),
        hold_time_s=900.0,
        stale_if_error_s=900.0,
        capacity=100,
        ledger_timeout_s=30.0,  # generous: a busy machine must not look like a ledger that hangs
    )
    async with opening as snapshots:
        desk = Desk(database, provider, snapshots, clock or SystemClock())
        yield desk
        await desk.awards.drain(asyncio.get_running_loop().time() + 5.0)


@asynccontextmanager
async def open_desk(database_url: str, provider: ScriptedProvider) -> AsyncIterator[Desk]:
    async with open_database(database_url) as database, run_desk(database, provider) as desk:
        yield desk


async def catch(error: type[LoyaltyError], work: Any) -> dict[str, str]:  # noqa: ANN401  any awaitable
    """Catch the expected error; return its metadata."""
    try:
        await work
    except error as caught:
        return caught.metadata
    raise AssertionError(f"no {error.__name__}")
