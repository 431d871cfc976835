"""From a request to its outcome: at most one booking is sent per request, and no outcome is guessed."""

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import structlog

from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.ledger.open import Opening
from loyalty_service.awards.parse import (
    GivenAward,
    GivenReversal,
    add_member,
    check_request_id,
    is_request_id,
    parse_award,
    parse_award_number,
    parse_finding,
    parse_reversal,
    read_content,
)
from loyalty_service.awards.sender import Sender
from loyalty_service.domain.award import Award, AwardState
from loyalty_service.domain.eligibility import find_ineligibility
from loyalty_service.domain.errors import (
    AwardNotFoundError,
    LoyaltyError,
    MerchantNotFoundError,
)
from loyalty_service.domain.member import Member, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Snapshots
from loyalty_service.domain.priority import Priority
from loyalty_service.merchants.store import MerchantStore
from runtime.database import DatabaseError

POLL_S = 0.1

logger = structlog.get_logger()
T = TypeVar("T")


class AwardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`replayed`: the award was on record, and this call sent nothing. `member_name`: empty if it is not held."""

    award: Award
    replayed: bool
    member_name: str


class AwardService:
    """Opens, sends and settles awards in separate tasks: a cancelled caller cancels none of them.

    `opening_timeout_s`: how long a caller waits for a hanging database. An award that is opened too late is not sent.
    `hold_time_s`: the age limit of a held snapshot if neither the merchant nor the caller names one.
    """

    def __init__(  # noqa: PLR0913  parts and settings
        self,
        ledger: Ledger,
        sender: Sender,
        snapshots: Snapshots,
        merchants: MerchantStore,
        *,
        read_timeout_s: float,
        opening_timeout_s: float,
        hold_time_s: float,
    ) -> None:
        self._ledger = ledger
        self._sender = sender
        self._snapshots = snapshots
        self._merchants = merchants
        self._read_timeout_s = read_timeout_s
        self._opening_timeout_s = opening_timeout_s
        self._hold_time_s = hold_time_s
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sending: dict[tuple[str, int], asyncio.Task[Award]] = {}

    async def award(self, merchant: Merchant, given: GivenAward, *, answer_s: float) -> AwardAnswer:
        """Give points or take them away; for a repeated request, return the award on record.

        Answers within about `answer_s`, if necessary with PENDING.

        Raises BadValueError, RequestIdReusedError, MerchantUnverifiedError, LimitExceededError, AwardInDoubtError,
        MemberBlockedError, MemberStatusUnknownError, WalletDisabledError, SeveralWalletsError, and the errors of
        `Snapshots.get` if the member must be read: in each case nothing was sent.
        """
        answer_time = asyncio.get_running_loop().time() + answer_s
        check_request_id(given.request_id)
        member = await self._find_eligible(merchant, given.member_id, given.member_fetch_time)
        if member is None or not _is_allowed(merchant, given):
            # Before any refusal or call of the provider, look for an award on record that answers it.
            replay = await self._ledger.find_replay(merchant.merchant_id, given.request_id, read_content(given))
            if replay is not None:
                return await self._replay(merchant, replay, answer_time)
        request = parse_award(merchant, given)
        if member is None:
            timeout_s = min(self._read_timeout_s, answer_s)
            member = await self._fetch_eligible(merchant, request.member_id, timeout_s=timeout_s)
        opening = self._ledger.open(add_member(request, member), merchant.limits, ZoneInfo(merchant.time_zone))
        return await self._open(merchant, opening, answer_time, member)

    async def reverse(self, merchant: Merchant, given: GivenReversal, *, answer_s: float) -> AwardAnswer:
        """Take an award or a deduction back; otherwise as `award`.

        Raises BadValueError, RequestIdReusedError, AwardNotFoundError, AwardStateError, ReversalTooLateError,
        AwardInDoubtError: in each case nothing was sent.
        """
        answer_time = asyncio.get_running_loop().time() + answer_s
        check_request_id(given.request_id)
        wanted = parse_award_number(given.award_id) or 0  # 0 is no award's number
        replay = await self._ledger.find_replay(merchant.merchant_id, given.request_id, wanted)
        if replay is not None:
            return await self._replay(merchant, replay, answer_time)
        original = await self.get(merchant.merchant_id, award_id=given.award_id)
        request = parse_reversal(merchant, given, original)
        held = await self._snapshots.get_held(merchant, request.member_id)
        member = held.member if held else None
        opening = self._ledger.open_reversal(add_member(request, member), ZoneInfo(merchant.time_zone))
        return await self._open(merchant, opening, answer_time, member)

    async def settle(self, merchant_id: str, award_id: str, *, state: AwardState, actor: str, because: str) -> Award:
        """Record what a person found out about an award. Changes nothing at the provider.

        The merchant may be removed. Raises BadValueError, AwardNotFoundError, AwardStateError.
        """
        actor, because = parse_finding(state, actor, because)
        award = await self.get(merchant_id, award_id=award_id)
        await self._invalidate(award)
        settled = await self._ledger.settle_by_person(merchant_id, award.number, state, actor, because)
        await self._invalidate(award)
        logger.info(
            "award_settled_by_person", merchant_id=merchant_id, award_id=award.award_id, state=settled.state.value
        )
        return settled

    async def get(self, merchant_id: str, *, request_id: str = "", award_id: str = "") -> Award:
        """Get one award by number or request id; see Ledger.find. Raises AwardNotFoundError."""
        award: Award | None = None
        if request_id and is_request_id(request_id):
            award = await self._ledger.find(merchant_id, request_id)
        elif not request_id and (number := parse_award_number(award_id)) is not None:
            award = await self._ledger.find_number(merchant_id, number)
        if award is None:
            raise AwardNotFoundError
        return award

    def find_repeat_expire_time(self, award: Award, request_id: str) -> datetime | None:
        """Until when an award answers other requests for the same points on its ticket."""
        is_own = award.request.request_id == request_id
        return None if is_own else award.attempt_time + self._ledger.repeat_window

    async def expire_leases(self) -> None:
        """Change expired PENDING awards to UNKNOWN, and drop those members' held snapshots."""
        for award in await self._ledger.expire_leases():
            merchant_id = award.request.merchant_id
            logger.warning("award_lease_expired", merchant_id=merchant_id, award_id=award.award_id)
            await self._invalidate(award)

    async def drain(self, leave_time: float) -> None:
        """Wait for running attempts until `leave_time`, then cancel them: their leases make them UNKNOWN.

        `leave_time` is by the event loop's clock. Call this when no more awards are opened.
        """
        while self._tasks and (left_s := leave_time - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            logger.warning("awards_cancelled", count=len(self._tasks))
            await asyncio.wait(self._tasks)

    async def _invalidate(self, award: Award) -> None:
        """Drop what is held for the award's member. For a removed merchant nothing is held."""
        with contextlib.suppress(MerchantNotFoundError):
            merchant = await self._merchants.get(award.request.merchant_id)
            await self._snapshots.invalidate(merchant, award.request.member_id)

    async def _find_eligible(self, merchant: Merchant, member_id: str, seen_time: datetime | None) -> Member | None:
        """Get the held member, if the snapshot allows an award. Otherwise None, and the provider is read.

        It must not be older than the one that the agent saw (`seen_time`; None: not older than the hold time).
        """
        held = await self._snapshots.get_held(merchant, member_id)
        oldest = seen_time or datetime.now(UTC) - timedelta(seconds=merchant.hold_time_s or self._hold_time_s)
        if held is not None and held.fetch_time >= oldest and find_ineligibility(held.member) is None:
            return held.member
        return None

    async def _fetch_eligible(self, merchant: Merchant, member_id: str, *, timeout_s: float) -> Member:
        """The member, where they may get points. Raises why not, and what `Snapshots.get` raises."""
        read = await self._snapshots.get(
            merchant,
            parse_identity("member_id", member_id),
            max_staleness_s=0.0,
            timeout_s=timeout_s,
            priority=Priority.AWARD,
            stale_if_error=False,
        )
        refusal = find_ineligibility(read.snapshot.member)
        if refusal is not None:
            raise refusal
        return read.snapshot.member

    async def _open(
        self, merchant: Merchant, opening: Coroutine[Any, Any, Opening], answer_time: float, member: Member | None
    ) -> AwardAnswer:
        """Open an award and begin to send it, even if the caller is cancelled."""

        async def open_and_send() -> Opening:
            deadline = self._sender.make_deadline()
            opened = await opening
            if opened.is_ours:
                key = (merchant.merchant_id, opened.award.number)
                self._sending[key] = task = self.start(self._sender.send(merchant, opened.award, deadline))
                task.add_done_callback(lambda _: self._sending.pop(key, None))
            return opened

        async with asyncio.timeout(self._opening_timeout_s):
            opened = await asyncio.shield(self.start(open_and_send()))
        return await self._answer(opened.award, answer_time, member, replayed=not opened.is_ours)

    async def _replay(self, merchant: Merchant, award: Award, answer_time: float) -> AwardAnswer:
        held = await self._snapshots.get_held(merchant, award.request.member_id)
        return await self._answer(award, answer_time, held.member if held else None, replayed=True)

    async def _answer(self, award: Award, answer_time: float, member: Member | None, *, replayed: bool) -> AwardAnswer:
        """Return the award when it is settled, or at `answer_time`.

        It is on record and may have been sent. If anything fails after that, the answer is the last known state.
        """
        try:
            async with asyncio.timeout_at(answer_time):
                award = await self._wait(award)
        except TimeoutError:
            pass
        except DatabaseError:
            logger.exception("award_not_read", merchant_id=award.request.merchant_id, award_id=award.award_id)
        return AwardAnswer(award=award, replayed=replayed, member_name=member.full_name if member else "")

    async def _wait(self, award: Award) -> Award:
        """Wait until the award is no longer PENDING."""
        merchant_id = award.request.merchant_id
        while award.state is AwardState.PENDING:
            sending = self._sending.get((merchant_id, award.number))
            if sending is not None:
                await asyncio.wait({sending})
                if not sending.cancelled() and sending.exception() is None:
                    return sending.result()
            else:  # another process sends it, or none does
                await asyncio.sleep(POLL_S)
            award = await self._ledger.find_number(merchant_id, award.number) or award
        return award

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task that outlives its caller, and that `drain` waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_report)
        return task


def _is_allowed(merchant: Merchant, given: GivenAward) -> bool:
    try:
        parse_award(merchant, given)
    except LoyaltyError:
        return False
    return True


def _report(task: asyncio.Task[Any]) -> None:
    """Log a task's error: its caller may be gone."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, LoyaltyError):
        logger.error("award_task_failed", exc_info=error)
