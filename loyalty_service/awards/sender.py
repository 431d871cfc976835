"""Sends one attempt of an award once, and records its outcome."""

import asyncio
from typing import TypeAlias

import structlog

from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.domain.award import Award, AwardState, Receipt
from loyalty_service.domain.deadline import Deadline
from loyalty_service.domain.errors import (
    BookingContradictedError,
    BookingUnknownError,
    LoyaltyError,
    MemberNotFoundError,
    ProviderContractError,
    ProviderCredentialsError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Clock, LoyaltyProvider, Snapshots
from runtime.clock import SystemClock
from runtime.database import DatabaseError

# How much longer than its own timeout a booking may take before it is cancelled.
OVERRUN_S = 1.0
# How long after that the outcome may still be recorded before the award becomes UNKNOWN.
SETTLE_S = 4.0

SETTLE_TRIES = 4

Log: TypeAlias = structlog.typing.FilteringBoundLogger

logger = structlog.get_logger()

_LOST = Settlement(state=AwardState.UNKNOWN, why="sent, and TRIFFT's answer was lost")
_NOT_SENT = Settlement(
    state=AwardState.REJECTED,
    rejection_reason=ProviderUnavailableError.reason,
    retryable=True,
    why="not sent: it was delayed here for longer than an attempt may take",
)
# Why nothing was booked, for the audit log.
_REFUSED = {
    ProviderCredentialsError.reason: "TRIFFT refused the shop's token",
    ProviderThrottledError.reason: "too many requests to TRIFFT",
    ProviderUnavailableError.reason: "TRIFFT was not reached",
    MemberNotFoundError.reason: "TRIFFT knows no such member",
    ProviderRefusedError.reason: "TRIFFT refused it",
}
# Refusals which show that the held snapshot may be wrong.
_TELLING = {MemberNotFoundError.reason, ProviderRefusedError.reason}


class Sender:
    """Sends an opened attempt and settles it. `timeout_s`: for the call to the provider.

    The last possible send is `timeout_s` + OVERRUN_S after the attempt was opened, even if this process stops.
    """

    def __init__(
        self,
        ledger: Ledger,
        provider: LoyaltyProvider,
        snapshots: Snapshots,
        *,
        timeout_s: float,
        clock: Clock | None = None,
    ) -> None:
        self._ledger = ledger
        self._provider = provider
        self._snapshots = snapshots
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()

    def make_deadline(self) -> Deadline:
        """The deadline for sending an attempt that is opened after this."""
        return Deadline(self._clock, self._timeout_s + OVERRUN_S)

    async def send(self, merchant: Merchant, award: Award, deadline: Deadline) -> Award:
        """Call the provider once, record the outcome, and drop the member's held snapshot if it is outdated."""
        member_id = award.request.member_id
        log = logger.bind(merchant_id=merchant.merchant_id, award_id=award.award_id, attempt=award.attempt)
        settlement = await self._book(merchant, award, deadline, log)
        try:
            # Before the row is settled: a reader of the new state must not get the old balance.
            if settlement.state is not AwardState.REJECTED or settlement.rejection_reason in _TELLING:
                await self._snapshots.invalidate(merchant, member_id)
        finally:
            settled = await self._settle(award, settlement, log)
            log.info("award_settled", state=settled.state.value, reason=settled.rejection_reason)
        # And after: a read that began in between lacks this award.
        if settled.state is not AwardState.REJECTED:
            await self._snapshots.invalidate(merchant, member_id)
        return settled

    async def _settle(self, award: Award, settlement: Settlement, log: Log) -> Award:
        """Record the outcome; repeat if the database fails, since the outcome would be lost."""
        for _ in range(SETTLE_TRIES - 1):
            try:
                return await self._ledger.settle(award, settlement)
            except DatabaseError:
                reference = settlement.receipt.provider_reference if settlement.receipt else None
                log.exception("award_not_settled", state=settlement.state.value, provider_reference=reference)
                await asyncio.sleep(SETTLE_S / SETTLE_TRIES)
        return await self._ledger.settle(award, settlement)

    async def _book(self, merchant: Merchant, award: Award, deadline: Deadline, log: Log) -> Settlement:
        request = award.request
        booking = Booking(
            member_id=request.member_id, points=request.points, note=request.note, reference=award.reference
        )
        call = self._provider.debit if request.is_debit else self._provider.credit
        left_s = deadline.left_s()
        if left_s <= 0:
            log.error("award_not_sent_in_time", late_s=-left_s)
            return _NOT_SENT
        try:
            async with asyncio.timeout(left_s):
                receipt = await call(merchant, booking, timeout_s=min(self._timeout_s, left_s))
        except (BookingUnknownError, TimeoutError) as error:
            return _make_unknown(error)
        except ProviderRefusedError as error:
            return _make_rejected(error, retryable=False)
        except (
            MemberNotFoundError,
            ProviderCredentialsError,
            ProviderThrottledError,
            ProviderUnavailableError,
        ) as error:
            return _make_rejected(error, retryable=True)
        except Exception:  # the outermost boundary: the booking may have been sent
            log.exception("award_outcome_lost")
            return _LOST
        return Settlement(state=AwardState.APPLIED, receipt=receipt, why=_confirm(receipt))


def make_lease_s(timeout_s: float) -> float:
    """How long an attempt with this timeout may stay PENDING."""
    return timeout_s + OVERRUN_S + SETTLE_S


def _make_unknown(error: BookingUnknownError | TimeoutError) -> Settlement:
    """If the provider booked other points, a person must look."""
    if isinstance(error, TimeoutError):
        return _LOST
    is_contradicted = isinstance(error, BookingContradictedError)
    return Settlement(
        state=AwardState.UNKNOWN,
        rejection_reason=ProviderContractError.reason if is_contradicted else None,
        needs_person=is_contradicted,
        why=f"sent, and {error}",
    )


def _make_rejected(error: LoyaltyError, *, retryable: bool) -> Settlement:
    return Settlement(
        state=AwardState.REJECTED,
        rejection_reason=error.reason,
        retryable=retryable,
        why=_REFUSED[error.reason],
    )


def _confirm(receipt: Receipt) -> str:
    return "TRIFFT confirmed it, and books it later" if receipt.delayed else "TRIFFT confirmed it"
