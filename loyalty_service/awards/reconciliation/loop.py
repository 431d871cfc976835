"""The background loop that expires leases, and settles awards by the provider's movements."""

import asyncio
import contextlib
from collections.abc import Iterable

import structlog

from loyalty_service.awards.reconciliation.claim import Claim, Claims
from loyalty_service.awards.reconciliation.reconcile import Reconciler
from loyalty_service.awards.service import AwardService
from loyalty_service.metrics import Metrics

PASS_S = 1.0
PASS_TIMEOUT_S = 10.0
PAUSE_AFTER_FAILURE_S = 4.0
CHECK_TIMEOUT_S = 30.0
# Merchants that are checked at the same time.
CHECKS = 32

logger = structlog.get_logger()


class ReconciliationLoop:
    """Runs a pass about once a second, from `start` to `stop`.

    Every process of a fleet has one; claims keep them apart.
    """

    def __init__(self, awards: AwardService, claims: Claims, reconciler: Reconciler, metrics: Metrics) -> None:
        self._awards = awards
        self._claims = claims
        self._reconciler = reconciler
        self._metrics = metrics
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start. The first pass begins at once: a killed process may have left awards behind."""
        self._loop = asyncio.create_task(self._run())

    def pause(self) -> None:
        """Begin nothing more."""
        self._stopping.set()

    async def stop(self, leave_time: float) -> None:
        """Begin nothing more, and let running checks end until `leave_time` (the event loop's clock)."""
        self.pause()
        await _end([self._loop] if self._loop else [], leave_time)
        await _end(self._checks.values(), leave_time)

    async def look(self) -> None:
        """Run one pass and all its checks."""
        await self._begin()
        await asyncio.gather(*self._checks.values())

    async def _run(self) -> None:
        while not self._stopping.is_set():
            pause_s = PASS_S
            try:
                async with asyncio.timeout(PASS_TIMEOUT_S):
                    await self._begin()
            except Exception:  # the outermost boundary: the loop outlives a failing database
                logger.exception("reconciliation_failed")
                pause_s = PAUSE_AFTER_FAILURE_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _begin(self) -> None:
        await self._awards.expire_leases()
        counts = await self._claims.count()
        self._metrics.show_unknown(counts.unknown, counts.waiting_for_person, counts.oldest_s)
        for claim in await self._claims.claim(CHECKS - len(self._checks), without=self._checks.keys()):
            self._checks[claim.merchant_id] = asyncio.create_task(self._check(claim))

    async def _check(self, claim: Claim) -> None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await self._reconciler.check(claim)
        except Exception:  # the outermost boundary: the claim has set the next check
            logger.exception("award_not_looked_up", merchant_id=claim.merchant_id)
        finally:
            del self._checks[claim.merchant_id]


async def _end(running: Iterable[asyncio.Task[None]], leave_time: float) -> None:
    """Wait for the tasks until `leave_time`, then cancel them."""
    tasks = set(running)
    if not tasks:
        return
    left_s = leave_time - asyncio.get_running_loop().time()
    _, late = await asyncio.wait(tasks, timeout=max(0.0, left_s))
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
