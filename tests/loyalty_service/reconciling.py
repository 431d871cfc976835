"""A reconciler with a real ledger and a scripted provider. Time passes by making the rows older."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.ledger.open import Opening
from loyalty_service.awards.ledger.read import History
from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.awards.ledger.tables import award_changes
from loyalty_service.awards.reconciliation.claim import Claims
from loyalty_service.awards.reconciliation.loop import ReconciliationLoop
from loyalty_service.awards.reconciliation.reconcile import Reconciler
from loyalty_service.awards.sender import Sender
from loyalty_service.awards.service import AwardService
from loyalty_service.database import open_database
from loyalty_service.domain.award import Award, AwardRequest, AwardState, Receipt
from loyalty_service.domain.limits import NO_LIMITS
from loyalty_service.domain.ports import LoyaltyProvider, Movement, Movements
from loyalty_service.merchants.store import MerchantStore
from loyalty_service.metrics import Metrics
from loyalty_service.snapshots import open_snapshots
from loyalty_service.trifft.fingerprint import make_fingerprint
from runtime.clock import SystemClock
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.loyalty_service.ledgers import read_metrics
from tests.loyalty_service.running import SECRET_KEY, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_merchant

UTC_ZONE = ZoneInfo("UTC")


class ListingProvider(ScriptedProvider):
    """`on_list` runs before movements are listed; `lists` counts the requests for them."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = 0
        self.on_list: Callable[[], Awaitable[object]] = _do_nothing

    async def list_movements(self, *arguments: Any, **named: Any) -> Movements | None:  # noqa: ANN401  the port's
        self.lists += 1
        await self.on_list()
        return await super().list_movements(*arguments, **named)

    def book(self, change: int, **fields: Any) -> Movement:  # noqa: ANN401  any field of Movement
        """Put a movement on Jana's list that no call of ours has made."""
        known: dict[str, Any] = {"note": "", "reference": "", "create_time": datetime.now(UTC)} | fields
        movement = Movement(movement_id=f"movement-{len(self.movements) + 1}", change=Decimal(change), **known)
        self.movements.append((JANA, movement))
        return movement


class Worker:
    """One process's reconciler and its ledger."""

    def __init__(self, database: Database, provider: LoyaltyProvider, metrics: Metrics, parts: dict[str, Any]) -> None:
        self.database = database
        self.ledger: Ledger = parts["ledger"]
        self.merchants: MerchantStore = parts["merchants"]
        self.metrics = metrics
        awards = AwardService(
            self.ledger,
            Sender(self.ledger, provider, parts["snapshots"], timeout_s=30.0),
            parts["snapshots"],
            self.merchants,
            read_timeout_s=30.0,
            opening_timeout_s=30.0,
            hold_time_s=900.0,
        )
        self.claims: Claims = parts["claims"]
        reconciler = Reconciler(provider=provider, **parts)
        self.loop = ReconciliationLoop(awards, self.claims, reconciler, metrics)

    async def open(self, points: int = 100, *, reverses: int | None = None, **fields: Any) -> Opening:  # noqa: ANN401
        """Open an award of Jana's, which is PENDING."""
        given: dict[str, Any] = {
            "merchant_id": "acme",
            "request_id": make_request_id(),
            "member_id": JANA,
            "points": points,
        }
        given |= {"note": "Sorry", "ticket_id": "", "claimed_agent_email": "", "claimed_agent_name": ""} | fields
        if reverses is not None:
            given |= {"reverses": reverses, "is_debit": not (await self.read(reverses)).request.is_debit}
            return await self.ledger.open_reversal(AwardRequest(**given), UTC_ZONE)
        return await self.ledger.open(AwardRequest(**given), NO_LIMITS, UTC_ZONE)

    async def lose(self, points: int = 100, **fields: Any) -> Award:  # noqa: ANN401  any field of AwardRequest
        """Open an award of Jana's and lose its answer: it is UNKNOWN."""
        opening = await self.open(points, **fields)
        return await self.ledger.settle(opening.award, Settlement(state=AwardState.UNKNOWN))

    async def apply(self, movement: Movement, **fields: Any) -> Award:  # noqa: ANN401  any field of AwardRequest
        """Open an award of Jana's that the provider confirmed with a movement."""
        opening = await self.open(int(abs(movement.change)), **fields)
        receipt = Receipt(provider_reference=movement.movement_id, balance=None, delayed=False)
        return await self.ledger.settle(opening.award, Settlement(state=AwardState.APPLIED, receipt=receipt))

    async def let_pass(self, **length: float) -> None:
        """Make all rows of the ledger older by this time."""
        columns = ("attempt_time_ms", "lease_expire_time_ms", "create_time_ms", "update_time_ms", "next_check_time_ms")
        shifts = ", ".join(f"{name} = {name} - :length_ms" for name in columns)
        length_ms = round(timedelta(**length).total_seconds() * 1000)
        await self.execute(f"UPDATE awards SET {shifts}", length_ms=length_ms)  # noqa: S608  names written above
        await self.execute(
            "UPDATE reconciliation_claims SET next_claim_time_ms = next_claim_time_ms - :length_ms", length_ms=length_ms
        )

    async def execute(self, statement: str, **values: Any) -> None:  # noqa: ANN401  as the statement needs
        await self.database.write(lambda connection: connection.execute(text(statement), values))

    async def look(self) -> None:
        await self.loop.look()

    async def look_after(self, **length: float) -> None:
        await self.let_pass(**length)
        await self.look()

    async def read(self, number: int = 1) -> Award:
        award = await self.ledger.find_number("acme", number)
        assert award is not None
        return award

    async def read_state(self, number: int = 1) -> AwardState:
        return (await self.read(number)).state

    async def list_reasons(self, number: int = 1) -> list[tuple[str, str]]:
        """List (state, why) of each change."""
        own = (award_changes.c.number == number,)
        query = select(award_changes.c.state, award_changes.c.why).where(*own).order_by(award_changes.c.change_id)
        rows = await self.database.read(lambda connection: connection.execute(query).all())
        return [(state, why) for state, why in rows]

    def read_metrics(self) -> dict[str, float]:
        return read_metrics(self.metrics)


@asynccontextmanager
async def run_worker(database: Database, provider: LoyaltyProvider) -> AsyncIterator[Worker]:
    """Run a worker with the merchant acme, which is added if it does not exist."""
    clock = SystemClock()
    history = History(database, reversal_window_s=1800.0)
    merchants = MerchantStore(database, SecretKeys((SECRET_KEY,)), clock, make_fingerprint=make_fingerprint)
    if not await merchants.list_after("", 1):
        await merchants.add(make_merchant())
    metrics = Metrics()
    windows_s = {"lease_s": 15.0, "repeat_window_s": 0.0, "reversal_window_s": 1800.0}
    opening = open_snapshots(provider, clock, hold_time_s=900, stale_if_error_s=900, capacity=100, recent=history)
    async with opening as snapshots:
        parts = {
            "ledger": Ledger(database, **windows_s, metrics=metrics),
            "claims": Claims(database, reversal_window_s=1800.0),
            "snapshots": snapshots,
            "merchants": merchants,
        }
        yield Worker(database, provider, metrics, parts)


@asynccontextmanager
async def open_worker(database_url: str, provider: LoyaltyProvider) -> AsyncIterator[Worker]:
    async with open_database(database_url) as database, run_worker(database, provider) as worker:
        yield worker


async def _do_nothing() -> None:
    pass
