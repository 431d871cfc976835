"""Reconciles one award: reads the provider's movements and records what they show."""

import asyncio
from datetime import timedelta
from typing import TypeAlias

import structlog
from sqlalchemy.exc import IntegrityError

from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.ledger.settle import MovementUsedError, Settlement
from loyalty_service.awards.reconciliation.claim import Claim, Claims
from loyalty_service.awards.reconciliation.match import CLOCK_SKEW, Match, match_movements
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
# A booking may still appear in a list that is read earlier than this after the last possible send.
TELLING_AFTER = timedelta(minutes=15)
ABSENT_READS = 2
ABSENT_AGAIN_S = 300.0
PERSON_AGAIN_S = 3600.0
# If no list can be read for this time after the last possible send, a person must look at the provider.
HOPELESS_AFTER = timedelta(hours=1)
# The later checks of a NOT_APPLIED award, counted from its settling. After the last one there is no more.
LATE_LOOKS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
# Errors that do not pass by themselves: a person must look.
_LASTING = (MemberNotFoundError, ProviderCredentialsError, ProviderContractError)

Log: TypeAlias = structlog.typing.FilteringBoundLogger

logger = structlog.get_logger()


class Reconciler:
    """Checks an award, and settles it or plans the next check."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        claims: Claims,
        provider: LoyaltyProvider,
        snapshots: Snapshots,
        merchants: MerchantStore,
    ) -> None:
        self._ledger = ledger
        self._claims = claims
        self._provider = provider
        self._snapshots = snapshots
        self._merchants = merchants

    async def check(self, claim: Claim) -> None:
        """Check an award. If this fails, the claim has set the next check."""
        award = claim.award
        log = logger.bind(merchant_id=claim.merchant_id, award_id=award.award_id, check=claim.check_count)
        try:
            merchant = await self._merchants.get(claim.merchant_id)
            if award.request.merchant_generation not in {"", merchant.generation}:
                # It may have been sent to another project, so its absence from this project's list proves nothing.
                await self._hand_to_person(claim, log)
                return
            await self._conclude(merchant, claim, await self._find(merchant, claim), log)
        except MerchantNotFoundError:
            await self._hand_to_person(claim, log)
        except (MemberNotFoundError, ProviderError) as error:
            log.warning("award_not_looked_up", reason=error.reason)
            if isinstance(error, ProviderThrottledError):
                await self._claims.rest(claim.merchant_id, error.retry_after_s)
            await self._give_up(claim, TELLING_AFTER if isinstance(error, _LASTING) else HOPELESS_AFTER, log)
        except Exception:  # it may fail in the same way each time
            log.exception("award_not_looked_up")
            await self._give_up(claim, HOPELESS_AFTER, log)

    async def _find(self, merchant: Merchant, claim: Claim) -> Match:
        movements = await self._list_movements(merchant, claim)
        # Read after the list: if another award is settled meanwhile, its movement is then known.
        return match_movements(claim.award, movements, await self._claims.read_neighbours(claim))

    async def _list_movements(self, merchant: Merchant, claim: Claim) -> Movements | None:
        member_id, since = claim.award.request.member_id, claim.award.attempt_time - CLOCK_SKEW
        try:
            async with asyncio.timeout(READ_TIMEOUT_S + 1):
                return await self._provider.list_movements(merchant, member_id, since=since, timeout_s=READ_TIMEOUT_S)
        except TimeoutError as error:
            raise ProviderTimeoutError("TRIFFT's list of movements did not come in time") from error

    async def _conclude(self, merchant: Merchant, claim: Claim, match: Match, log: Log) -> None:
        if match.contradiction:
            log.error("award_contradicted", problem=match.contradiction)
            await self._hand_to_person(claim, log)
        elif match.movement is not None:
            await self._settle(merchant, claim, AwardState.APPLIED, match, log)
        elif claim.award.state is AwardState.NOT_APPLIED:
            await self._look_again_later(claim)
        elif _get_age(claim) < TELLING_AFTER:
            return  # the claim has set the next check
        elif not match.is_absent or claim.award.rejection_reason is not None:  # the provider's answer contradicts that
            await self._hand_to_person(claim, log)
        elif claim.absent_count + 1 < ABSENT_READS:
            count = claim.absent_count + 1
            await self._claims.plan(claim, AwardState.UNKNOWN, after_s=ABSENT_AGAIN_S, absent_count=count)
        else:
            why = "two complete lists of TRIFFT's movements do not have it"
            await self._settle(merchant, claim, AwardState.NOT_APPLIED, Match(why=why), log)

    async def _settle(self, merchant: Merchant, claim: Claim, state: AwardState, match: Match, log: Log) -> None:
        award = claim.award
        movement_id = match.movement.movement_id if match.movement else None
        receipt = Receipt(provider_reference=movement_id, balance=None, delayed=False) if movement_id else None
        try:
            # Before and after, as the sender does: a reader of the new state must also see the points.
            await self._snapshots.invalidate(merchant, award.request.member_id)
            settlement = Settlement(state=state, receipt=receipt, movement_id=movement_id, why=match.why)
            settled = await self._ledger.settle_by_movements(merchant.merchant_id, award.number, settlement)
        except (IntegrityError, MovementUsedError):
            log.warning("movement_settled_another_award")
            await self._give_up(claim, TELLING_AFTER, log)
            return
        await self._snapshots.invalidate(merchant, award.request.member_id)
        if settled.state is not state:
            return
        log.info("award_settled", state=state.value, why=match.why)
        if state is AwardState.NOT_APPLIED:
            await self._claims.plan(claim, state, after_s=LATE_LOOKS[0].total_seconds())

    async def _look_again_later(self, claim: Claim) -> None:
        since = claim.claim_time - claim.award.update_time
        left_s = [(look - since).total_seconds() for look in LATE_LOOKS if look > since]
        await self._claims.plan(claim, AwardState.NOT_APPLIED, after_s=left_s[0] if left_s else None)

    async def _give_up(self, claim: Claim, after: timedelta, log: Log) -> None:
        """Leave it to a person, if the last possible send is long enough ago."""
        if _get_age(claim) >= after:
            await self._hand_to_person(claim, log)

    async def _hand_to_person(self, claim: Claim, log: Log) -> None:
        """Mark it for a person. Checks continue, and settle it if it turns up."""
        award = claim.award
        if award.state is AwardState.NOT_APPLIED:
            await self._look_again_later(claim)
            return
        if not award.needs_person:
            await self._ledger.mark_needs_person(award.request.merchant_id, award.number)
            log.warning("award_needs_person")
        await self._claims.plan(claim, AwardState.UNKNOWN, after_s=PERSON_AGAIN_S, absent_count=0)


def _get_age(claim: Claim) -> timedelta:
    """The time since the last possible send."""
    return claim.claim_time - claim.last_send_time
