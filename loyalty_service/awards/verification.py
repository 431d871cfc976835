"""Proving a shop's points: some are given to a real member and taken back, and the balance is read at each step."""

import asyncio
import re
import secrets
import weakref
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import structlog

from loyalty_service.awards.parse import GivenAward, GivenReversal, parse_verifier
from loyalty_service.awards.service import AwardService
from loyalty_service.domain.award import Award
from loyalty_service.domain.errors import BadValueError, LoyaltyError
from loyalty_service.domain.member import Identity, Member, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import LoyaltyProvider
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.verification import (
    Inspection,
    Proof,
    Verification,
    VerificationOutcome,
    VerifiedMember,
    check_give,
    judge_award,
    judge_balances,
    read_exact_balance,
)
from loyalty_service.merchants.store import MerchantStore

REASON = "Verification"
# The member may see it.
NOTE = "A test of your points. It is taken back at once."
# A provider may book, or show, a moment later.
READS = 3
PAUSE_S = 1.0
_BALANCE = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")

logger = structlog.get_logger()


class GivenVerification(msgspec.Struct, frozen=True, kw_only=True):
    """As it was asked for, unchecked. `shown_balance`: as a person sees it in the provider's admin.

    `caller`: as in AwardRequest.
    """

    member_id: str
    shown_balance: str
    give: int
    verified_by: str
    caller: str


class Verifier:
    """`read_timeout_s`: of each read. `answer_s`: how long one award, or its reversal, is waited for."""

    def __init__(
        self,
        provider: LoyaltyProvider,
        awards: AwardService,
        merchants: MerchantStore,
        *,
        read_timeout_s: float,
        answer_s: float,
    ) -> None:
        self._provider = provider
        self._awards = awards
        self._merchants = merchants
        self._read_timeout_s = read_timeout_s
        self._answer_s = answer_s
        self._turns = weakref.WeakValueDictionary[str, asyncio.Lock]()

    async def inspect(self, merchant_id: str, identity: Identity) -> Inspection:
        """Raises MerchantNotFoundError, MemberNotFoundError, MemberAmbiguousError, ProviderError."""
        merchant = await self._merchants.get(merchant_id)
        return await self._provider.inspect(merchant, identity, timeout_s=self._read_timeout_s)

    async def verify(self, merchant_id: str, given: GivenVerification) -> Proof:
        """Goes on to its end though the caller leaves, so that what was given is taken back.

        Raises BadValueError, MerchantNotFoundError, MemberNotFoundError, ProviderError, and what AwardService.award
        raises: in each case nothing was given.
        """
        shown = _parse_balance(given.shown_balance)
        given = msgspec.structs.replace(given, verified_by=parse_verifier(given.verified_by))
        check_give(given.give)
        identity = parse_identity("member_id", given.member_id)
        merchant = await self._merchants.get(merchant_id)
        return await asyncio.shield(self._awards.start(self._prove_in_turn(merchant, identity, shown, given)))

    async def _prove_in_turn(
        self, merchant: Merchant, identity: Identity, shown: Decimal, given: GivenVerification
    ) -> Proof:
        """Two proofs at once would see each other's points in the balances."""
        turn = self._turns.setdefault(merchant.merchant_id, asyncio.Lock())
        async with turn:
            proof = await self._prove(merchant, identity, shown, given)
        logger.info("merchant_proof", merchant_id=merchant.merchant_id, outcome=proof.outcome.value)
        return proof

    async def _prove(self, merchant: Merchant, identity: Identity, shown: Decimal, given: GivenVerification) -> Proof:
        member = await self._fetch(merchant, identity)
        before = read_exact_balance(member)
        if before is None or before != shown:
            return Proof(outcome=VerificationOutcome.READ_DIFFERS, before=before)
        proof = await self._give_and_take(merchant, identity, before, given)
        if proof.outcome is not VerificationOutcome.VERIFIED:
            return proof
        by = VerifiedMember(member_id=member.member_id, support_id=member.support_id)
        if await self._merchants.verify(merchant, verified_by=given.verified_by, member=by):
            return proof
        return msgspec.structs.replace(proof, outcome=VerificationOutcome.MERCHANT_CHANGED)

    async def _give_and_take(
        self, merchant: Merchant, identity: Identity, before: Decimal, given: GivenVerification
    ) -> Proof:
        proving = _let_give(merchant, given.verified_by)
        wanted = GivenAward(
            request_id=_make_request_id(),
            member_id=identity.value,
            points=given.give,
            note=NOTE,
            reason=REASON,
            claimed_agent_name=given.verified_by,
            caller=given.caller,
        )
        award = (await self._awards.award(proving, wanted, answer_s=self._answer_s)).award
        if (why := judge_award(award)) is not None:
            return Proof(outcome=why, before=before, award=award)
        balance_given = await self._read_changed(merchant, identity, before)
        reversal, refusal = await self._take_back(proving, award)
        after = await self._read_changed(merchant, identity, balance_given) if reversal else None
        return Proof(
            outcome=judge_balances(award, reversal, before=before, given=balance_given, after=after),
            before=before,
            given=balance_given,
            after=after,
            award=award,
            reversal=reversal,
            reversal_refusal=refusal,
        )

    async def _take_back(self, merchant: Merchant, award: Award) -> tuple[Award | None, str | None]:
        """The reversal; or why it did not get on record."""
        wanted = GivenReversal(
            request_id=_make_request_id(),
            award_id=award.award_id,
            note=NOTE,
            claimed_agent_name=award.request.claimed_agent_name,
            caller=award.request.caller,
        )
        try:
            return (await self._awards.reverse(merchant, wanted, answer_s=self._answer_s)).award, None
        except LoyaltyError as error:
            refusal = error.reason
        except Exception:  # the points are there: what became of them must be said
            logger.exception("proof_not_taken_back", merchant_id=merchant.merchant_id, award_id=award.award_id)
            refusal = "INTERNAL_ERROR"
        return None, refusal

    async def _read_changed(self, merchant: Merchant, identity: Identity, former: Decimal | None) -> Decimal | None:
        """Read the balance, and some times again until it differs from `former`. None: it could not be read."""
        balance = None
        for number in range(READS):
            if number:
                await asyncio.sleep(PAUSE_S)
            try:
                balance = read_exact_balance(await self._fetch(merchant, identity))
            except LoyaltyError as error:
                logger.warning("proof_not_read", merchant_id=merchant.merchant_id, reason=error.reason)
                continue
            if balance is not None and balance != former:
                break
        return balance

    async def _fetch(self, merchant: Merchant, identity: Identity) -> Member:
        """As the provider has them now. Raises MemberNotFoundError, ProviderError."""
        snapshot = await self._provider.fetch(
            merchant,
            identity,
            remembered_member_id=None,
            searches=Searches(),
            priority=Priority.AWARD,
            timeout_s=self._read_timeout_s,
        )
        return snapshot.member


def _let_give(merchant: Merchant, verified_by: str) -> Merchant:
    """A copy of the shop that counts as verified and wants no reason, so that the award of its proof passes."""
    verification = Verification(verify_time=datetime.now(UTC), verified_by=verified_by, member=None, is_current=True)
    return msgspec.structs.replace(merchant, verification=verification, award_reasons=())


def _make_request_id() -> str:
    return f"verify-{secrets.token_hex(16)}"


def _parse_balance(text: str) -> Decimal:
    if not _BALANCE.fullmatch(text):
        raise BadValueError("shown_balance", "must be a decimal number, for example 1240 or 99.75")
    return Decimal(text)
