"""One look for what became of an award in doubt: the provider is asked, and what it tells is written down."""

import asyncio
from datetime import timedelta
from typing import TypeAlias

import structlog
from sqlalchemy.exc import IntegrityError

from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.ledger.settle import MovementUsedError, Settlement
from loyalty_service.awards.reconciliation.claim import Doubt, Doubts
from loyalty_service.awards.reconciliation.match import CLOCK_SKEW, Finding, weigh
from loyalty_service.domain.award import AwardState, Receipt
from loyalty_service.domain.errors import (
    MemberNotFoundError,
    MerchantNotFoundError,
    ProviderContractError,
    ProviderCredentialsError,
    ProviderError,
    ProviderThrottledError,
    ProviderTimeoutError,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import LoyaltyProvider, Movements, Snapshots
from loyalty_service.merchants.store import MerchantStore

READ_TIMEOUT_S = 3.0
# What is not in a list that was read earlier after the last possible send may come yet.
TELLING_AFTER = timedelta(minutes=15)
ABSENT_READS = 2
ABSENT_AGAIN_S = 300.0
PERSON_AGAIN_S = 3600.0
# A list that cannot be had so long after the last possible send is not waited for: a person may look at the provider.
HOPELESS_AFTER = timedelta(hours=1)
# When an award that was taken for not applied is looked for again, counted from then; the last time is the last.
LATE_LOOKS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
# What does not pass by itself: a person has to look.
_LASTING = (MemberNotFoundError, ProviderCredentialsError, ProviderContractError)

Log: TypeAlias = structlog.typing.FilteringBoundLogger

logger = structlog.get_logger()


class Inquiry:
    """Looks, and settles or plans the next look."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        doubts: Doubts,
        provider: LoyaltyProvider,
        snapshots: Snapshots,
        merchants: MerchantStore,
    ) -> None:
        self._ledger = ledger
        self._doubts = doubts
        self._provider = provider
        self._snapshots = snapshots
        self._merchants = merchants

    async def check(self, doubt: Doubt) -> None:
        """Where it fails, the claim has set the time of the next look."""
        award = doubt.award
        log = logger.bind(merchant_id=doubt.merchant_id, award_id=award.award_id, check=doubt.check_count)
        try:
            merchant = await self._merchants.get(doubt.merchant_id)
            if award.request.merchant_generation not in {"", merchant.generation}:
                # It was sent to what may be another project: what this one's list lacks is no sign.
                await self._hand_to_person(doubt, log)
                return
            await self._conclude(merchant, doubt, await self._find(merchant, doubt), log)
        except MerchantNotFoundError:
            await self._hand_to_person(doubt, log)
        except (MemberNotFoundError, ProviderError) as error:
            log.warning("award_not_looked_up", reason=error.reason)
            if isinstance(error, ProviderThrottledError):
                await self._doubts.rest(doubt.merchant_id, error.retry_after_s)
            await self._give_up(doubt, TELLING_AFTER if isinstance(error, _LASTING) else HOPELESS_AFTER, log)
        except Exception:  # whatever it is, it may be the same each time
            log.exception("award_not_looked_up")
            await self._give_up(doubt, HOPELESS_AFTER, log)

    async def _find(self, merchant: Merchant, doubt: Doubt) -> Finding:
        movements = await self._list_movements(merchant, doubt)
        # After the list: what was booked for an award that is settled meanwhile is then known to be that award's.
        return weigh(doubt.award, movements, await self._doubts.read_neighbours(doubt))

    async def _list_movements(self, merchant: Merchant, doubt: Doubt) -> Movements | None:
        member_id, since = doubt.award.request.member_id, doubt.award.attempt_time - CLOCK_SKEW
        try:
            async with asyncio.timeout(READ_TIMEOUT_S + 1):
                return await self._provider.list_movements(merchant, member_id, since=since, timeout_s=READ_TIMEOUT_S)
        except TimeoutError as error:
            raise ProviderTimeoutError("TRIFFT's list of movements did not come in time") from error

    async def _conclude(self, merchant: Merchant, doubt: Doubt, finding: Finding, log: Log) -> None:
        if finding.contradiction:
            log.error("award_contradicted", problem=finding.contradiction)
            await self._hand_to_person(doubt, log)
        elif finding.movement is not None:
            await self._settle(merchant, doubt, AwardState.APPLIED, finding, log)
        elif doubt.award.state is AwardState.NOT_APPLIED:
            await self._look_again_later(doubt)
        elif _get_age(doubt) < TELLING_AFTER:
            return  # the claim has set the time of the next look
        elif not finding.is_absent or doubt.award.rejection_reason is not None:  # the provider said something else
            await self._hand_to_person(doubt, log)
        elif doubt.absent_count + 1 < ABSENT_READS:
            count = doubt.absent_count + 1
            await self._doubts.plan(doubt, AwardState.UNKNOWN, after_s=ABSENT_AGAIN_S, absent_count=count)
        else:
            why = "two complete lists of TRIFFT's movements do not have it"
            await self._settle(merchant, doubt, AwardState.NOT_APPLIED, Finding(why=why), log)

    async def _settle(self, merchant: Merchant, doubt: Doubt, state: AwardState, finding: Finding, log: Log) -> None:
        award = doubt.award
        movement_id = finding.movement.movement_id if finding.movement else None
        receipt = Receipt(provider_reference=movement_id, balance=None, delayed=False) if movement_id else None
        try:
            # Before and after, as a sender does: who reads the new state must see the points, too.
            await self._snapshots.invalidate(merchant, award.request.member_id)
            settlement = Settlement(state=state, receipt=receipt, movement_id=movement_id, why=finding.why)
            settled = await self._ledger.settle_by_movements(merchant.merchant_id, award.number, settlement)
        except (IntegrityError, MovementUsedError):
            log.warning("movement_settled_another_award")
            await self._give_up(doubt, TELLING_AFTER, log)
            return
        await self._snapshots.invalidate(merchant, award.request.member_id)
        if settled.state is not state:
            return
        log.info("award_settled", state=state.value, why=finding.why)
        if state is AwardState.NOT_APPLIED:
            await self._doubts.plan(doubt, state, after_s=LATE_LOOKS[0].total_seconds())

    async def _look_again_later(self, doubt: Doubt) -> None:
        since = doubt.claim_time - doubt.award.update_time
        left_s = [(look - since).total_seconds() for look in LATE_LOOKS if look > since]
        await self._doubts.plan(doubt, AwardState.NOT_APPLIED, after_s=left_s[0] if left_s else None)

    async def _give_up(self, doubt: Doubt, after: timedelta, log: Log) -> None:
        """Leave it to a person, once the last possible send is so long ago."""
        if _get_age(doubt) >= after:
            await self._hand_to_person(doubt, log)

    async def _hand_to_person(self, doubt: Doubt, log: Log) -> None:
        """It is still looked for, and settled if it turns up."""
        award = doubt.award
        if award.state is AwardState.NOT_APPLIED:
            await self._look_again_later(doubt)
            return
        if not award.needs_person:
            await self._ledger.mark_needs_person(award.request.merchant_id, award.number)
            log.warning("award_needs_person")
        await self._doubts.plan(doubt, AwardState.UNKNOWN, after_s=PERSON_AGAIN_S, absent_count=0)


def _get_age(doubt: Doubt) -> timedelta:
    """How long ago it left by, if at all."""
    return doubt.claim_time - doubt.last_send_time
