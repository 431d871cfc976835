"""From a request for points to its outcome: at most one credit is sent per request, and no outcome is made up."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import structlog

from loyalty_service.awards.ledger import Ledger, Opening
from loyalty_service.awards.parse import (
    GivenAward,
    check_request_id,
    is_award_number,
    is_request_id,
    is_same_content,
    parse_award,
)
from loyalty_service.awards.sender import Sender
from loyalty_service.database import DATABASE_ERRORS
from loyalty_service.domain.award import Award, AwardRequest, AwardState
from loyalty_service.domain.errors import (
    AwardNotFoundError,
    LimitExceededError,
    LoyaltyError,
    MemberBlockedError,
    MerchantNotFoundError,
    RequestIdReusedError,
    WalletDisabledError,
)
from loyalty_service.domain.member import Member, MemberStatus, Snapshot, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Snapshots
from loyalty_service.merchants.store import MerchantStore

POLL_S = 0.1

logger = structlog.get_logger()
T = TypeVar("T")


class AwardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`replayed`: the award was on record, and this call sent nothing. `member_name`: empty when it is not held."""

    award: Award
    replayed: bool
    member_name: str


class AwardService:
    """Opens, sends and settles awards in tasks of its own: a caller who goes away cancels none.

    `opening_timeout_s`: what a database that hangs has not opened by then is not sent, since nobody waits for it.
    """

    def __init__(  # noqa: PLR0913  each a part or a setting of its own
        self,
        ledger: Ledger,
        sender: Sender,
        snapshots: Snapshots,
        merchants: MerchantStore,
        *,
        read_timeout_s: float,
        opening_timeout_s: float,
    ) -> None:
        self._ledger = ledger
        self._sender = sender
        self._snapshots = snapshots
        self._merchants = merchants
        self._read_timeout_s = read_timeout_s
        self._opening_timeout_s = opening_timeout_s
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sending: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def award(self, merchant: Merchant, given: GivenAward, *, answer_s: float) -> AwardAnswer:
        """Give points, or say what became of them. Answers within about `answer_s`, with PENDING if need be.

        Raises BadValueError, RequestIdReusedError, LimitExceededError, MemberBlockedError, WalletDisabledError,
        AwardInDoubtError, and what `Snapshots.get` raises where the member has to be looked up: in each case nothing
        was sent.
        """
        answer_time = asyncio.get_running_loop().time() + answer_s
        check_request_id(given.request_id)
        known = await self._find(merchant.merchant_id, given.request_id)
        if known is not None and not is_same_content(given, known.request):
            raise RequestIdReusedError(known.award_id)
        if known is not None and not known.retryable:
            held = await self._snapshots.get_held(merchant, known.request.member_id)
            return await self._answer(known, answer_time, held, replayed=True)
        request = parse_award(merchant.merchant_id, given)
        if request.points > merchant.max_points_per_award:
            raise LimitExceededError("per_award", merchant.max_points_per_award)
        held = await self._check_member(merchant, request.member_id, timeout_s=min(self._read_timeout_s, answer_s))
        opening = await asyncio.shield(self._start(self._open(merchant, request)))
        return await self._answer(opening.award, answer_time, held, replayed=not opening.is_ours)

    async def get(self, merchant_id: str, *, request_id: str = "", award_id: str = "") -> Award:
        """One award, by either. Raises AwardNotFoundError."""
        await self.expire_leases()
        if request_id:
            award = await self._ledger.find(merchant_id, request_id) if is_request_id(request_id) else None
        else:
            number = award_id.removeprefix("A-")
            is_one = number != award_id and is_award_number(number)
            award = await self._ledger.find_number(merchant_id, int(number)) if is_one else None
        if award is None:
            raise AwardNotFoundError
        return award

    async def list_before(self, merchant_id: str, number: int | None, count: int) -> list[Award]:
        """At most `count` awards with a smaller number (None: of any), newest first."""
        await self.expire_leases()
        return await self._ledger.list_before(merchant_id, number, count)

    async def expire_leases(self) -> None:
        """Turn what a process left PENDING into UNKNOWN, and drop what is held for those members."""
        for award in await self._ledger.expire_leases():
            merchant_id = award.request.merchant_id
            logger.warning("award_lease_expired", merchant_id=merchant_id, award_id=award.award_id)
            try:
                merchant = await self._merchants.get(merchant_id)
            except MerchantNotFoundError:
                continue
            await self._snapshots.invalidate(merchant, award.request.member_id)

    async def drain(self, leave_time: float) -> None:
        """Let what is being sent come to its end. What has not by `leave_time` is cut off: its lease makes it UNKNOWN.

        `leave_time` is the loop's. Call it when nobody opens awards any more.
        """
        while self._tasks and (left_s := leave_time - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            logger.warning("awards_cut_off", count=len(self._tasks))
            await asyncio.wait(self._tasks)

    async def _find(self, merchant_id: str, request_id: str) -> Award | None:
        await self.expire_leases()
        return await self._ledger.find(merchant_id, request_id)

    async def _check_member(self, merchant: Merchant, member_id: str, *, timeout_s: float) -> Snapshot:
        """What is held may be a day old: good enough to let an award through to the provider, not to refuse one."""
        held = await self._snapshots.get_held(merchant, member_id)
        if held is not None and _find_obstacle(held.member) is None:
            return held
        identity = parse_identity("member_id", member_id)
        max_staleness_s = None if held is None else 0.0
        read = await self._snapshots.get(merchant, identity, max_staleness_s=max_staleness_s, timeout_s=timeout_s)
        obstacle = _find_obstacle(read.snapshot.member)
        if obstacle is not None:
            raise obstacle
        return read.snapshot

    async def _open(self, merchant: Merchant, request: AwardRequest) -> Opening:
        async with asyncio.timeout(self._opening_timeout_s):
            opening = await self._ledger.open(request)
        if opening.is_ours:
            key = (request.merchant_id, request.request_id)
            self._sending[key] = task = self._start(self._sender.send(merchant, opening))
            task.add_done_callback(lambda _: self._sending.pop(key, None))
        return opening

    async def _answer(self, award: Award, answer_time: float, held: Snapshot | None, *, replayed: bool) -> AwardAnswer:
        """The award as it is once it is settled, or when `answer_time` has come.

        It is on record, and may have been sent: whatever fails from here on, the answer is what was known last.
        """
        try:
            async with asyncio.timeout_at(answer_time):
                award = await self._wait(award)
        except TimeoutError:
            pass
        except DATABASE_ERRORS:
            logger.exception("award_not_read", merchant_id=award.request.merchant_id, award_id=award.award_id)
        return AwardAnswer(award=award, replayed=replayed, member_name=held.member.full_name if held else "")

    async def _wait(self, award: Award) -> Award:
        """The award once it is PENDING no more."""
        merchant_id, request_id = award.request.merchant_id, award.request.request_id
        while award.state is AwardState.PENDING:
            sending = self._sending.get((merchant_id, request_id))
            if sending is not None:
                await asyncio.wait({sending})
            else:  # another process sends it
                await asyncio.sleep(POLL_S)
            await self.expire_leases()
            award = await self._ledger.find_number(merchant_id, award.number) or award
        return award

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_report)
        return task


def _find_obstacle(member: Member) -> LoyaltyError | None:
    if member.status is MemberStatus.BLOCKED:
        return MemberBlockedError()
    if member.wallet is None:
        return WalletDisabledError()
    return None


def _report(task: asyncio.Task[Any]) -> None:
    """Log what went wrong in a task: whoever waited for it may be gone."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, LoyaltyError):
        logger.error("award_task_failed", exc_info=error)
