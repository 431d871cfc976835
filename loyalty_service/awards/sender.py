"""One attempt of an award: the credit sent once, its outcome written down."""

import asyncio
from typing import TypeAlias

import structlog

from loyalty_service.awards.ledger import Ledger, Opening
from loyalty_service.awards.rows import Settlement
from loyalty_service.database import DATABASE_ERRORS
from loyalty_service.domain.award import Award, AwardState
from loyalty_service.domain.errors import (
    CreditUnknownError,
    MemberNotFoundError,
    ProviderCredentialsError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Credit, LoyaltyProvider, Snapshots

# How much longer than its own time-out a credit may take before it is cut off.
OVERRUN_S = 1.0
# How long after that an outcome may still be written before the award counts as UNKNOWN.
SETTLE_S = 4.0

SETTLE_TRIES = 4

Log: TypeAlias = structlog.typing.FilteringBoundLogger

logger = structlog.get_logger()


class Sender:
    """Sends an attempt that the ledger has opened, and settles it. `timeout_s`: for the call to the provider."""

    def __init__(self, ledger: Ledger, provider: LoyaltyProvider, snapshots: Snapshots, *, timeout_s: float) -> None:
        self._ledger = ledger
        self._provider = provider
        self._snapshots = snapshots
        self._timeout_s = timeout_s

    async def send(self, merchant: Merchant, opening: Opening) -> None:
        """Call the provider once, drop what is held for the member, write down what happened."""
        award = opening.award
        log = logger.bind(merchant_id=merchant.merchant_id, award_id=award.award_id, attempt=opening.attempt)
        settlement = await self._credit(merchant, award, log)
        try:
            # Before the row says so: who reads that the points are there must not be shown the balance without them.
            await self._snapshots.invalidate(merchant, award.request.member_id)
        finally:
            settled = await self._settle(opening, settlement, log)
            log.info("award_settled", state=settled.state.value, reason=settled.rejection_reason)

    async def _settle(self, opening: Opening, settlement: Settlement, log: Log) -> Award:
        """Write the outcome, again where the database fails: it is known now, and would be lost."""
        for _ in range(SETTLE_TRIES - 1):
            try:
                return await self._ledger.settle(opening, settlement)
            except DATABASE_ERRORS:
                reference = settlement.receipt.provider_reference if settlement.receipt else None
                log.exception("award_not_settled", state=settlement.state.value, provider_reference=reference)
                await asyncio.sleep(SETTLE_S / SETTLE_TRIES)
        return await self._ledger.settle(opening, settlement)

    async def _credit(self, merchant: Merchant, award: Award, log: Log) -> Settlement:
        request = award.request
        credit = Credit(
            member_id=request.member_id, points=request.points, note=request.note, reference=make_reference(award)
        )
        try:
            async with asyncio.timeout(self._timeout_s + OVERRUN_S):
                receipt = await self._provider.credit(merchant, credit, timeout_s=self._timeout_s)
        except (CreditUnknownError, TimeoutError):
            return Settlement(state=AwardState.UNKNOWN)
        except ProviderRefusedError as error:
            return Settlement(state=AwardState.REJECTED, rejection_reason=error.reason)
        except (
            MemberNotFoundError,
            ProviderCredentialsError,
            ProviderThrottledError,
            ProviderUnavailableError,
        ) as error:
            return Settlement(state=AwardState.REJECTED, rejection_reason=error.reason, retryable=True)
        except Exception:  # the outermost boundary of a task: whatever it was, the credit may have left
            log.exception("award_failed")
            return Settlement(state=AwardState.UNKNOWN)
        return Settlement(state=AwardState.APPLIED, receipt=receipt)


def make_reference(award: Award) -> str:
    """What the provider keeps with the movement: the number for people, the request's id so that it is unique."""
    return f"{award.award_id}:{award.request.request_id}"


def make_lease_s(timeout_s: float) -> float:
    """How long an attempt with this time-out may stay PENDING."""
    return timeout_s + OVERRUN_S + SETTLE_S
