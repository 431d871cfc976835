"""LoyaltyService of the proto: it parses each call, passes it on, and writes its answer."""
# The proto names the methods, and gRPC passes each the context.
# ruff: noqa: ARG002, N802

import asyncio
import contextlib
from typing import Any, TypeAlias

import grpc

from loyalty_service.api.access import get_caller_name
from loyalty_service.api.convert.awards import (
    read_award,
    read_filter,
    read_grouping,
    read_reversal,
    read_state,
    write_award,
    write_change,
    write_erasure,
    write_sum,
)
from loyalty_service.api.convert.identities import (
    read_erased_id,
    read_groups,
    read_identity,
    read_member_id,
    read_search_limit,
)
from loyalty_service.api.convert.snapshots import read_staleness_s, write_holding, write_snapshot
from loyalty_service.api.pages import list_page
from loyalty_service.api.status import make_status
from loyalty_service.awards.ledger.erase import Erasures
from loyalty_service.awards.ledger.read import History
from loyalty_service.awards.parse import is_award_number, parse_eraser
from loyalty_service.awards.service import AwardService
from loyalty_service.domain.award import Award
from loyalty_service.domain.award_filter import AwardGrouping, AwardSum
from loyalty_service.domain.erasure import Erasure
from loyalty_service.domain.errors import BadValueError, LoyaltyError, MerchantNotFoundError, ProviderTimeoutError
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Snapshots
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.merchants.store import MerchantStore
from loyalty_service.snapshots.person import PersonFinder
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1 import loyalty_pb2_grpc as pb_grpc

MAX_BATCH = 100
MAX_NAMES = 20
BATCH_CONCURRENCY = 8
# The part of a caller's deadline that is kept for sending the answer.
ANSWER_MARGIN_S = 0.2

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class LoyaltyServicer(pb_grpc.LoyaltyServiceServicer):
    """`read_timeout_s`, `award_answer_s`: as in Config; a caller's earlier deadline takes precedence."""

    def __init__(  # noqa: PLR0913  parts and settings
        self,
        merchants: MerchantStore,
        snapshots: Snapshots,
        awards: AwardService,
        history: History,
        erasures: Erasures,
        *,
        read_timeout_s: float,
        award_answer_s: float,
    ) -> None:
        self._merchants = merchants
        self._snapshots = snapshots
        self._awards = awards
        self._history = history
        self._erasures = erasures
        self._read_timeout_s = read_timeout_s
        self._award_answer_s = award_answer_s

    async def GetSnapshot(self, request: pb.GetSnapshotRequest, context: Context) -> pb.GetSnapshotResponse:
        merchant = await self._merchants.get(request.merchant_id)
        staleness_s = read_staleness_s(request.max_staleness) if request.HasField("max_staleness") else None
        searches = Searches(read_search_limit(request.max_search_count))
        if request.identity_groups:
            return await self._find_person(request, merchant, staleness_s, searches, context)
        snapshot = await self._get(
            merchant, request.identity, staleness_s, context, priority=Priority.TICKET, searches=searches
        )
        return pb.GetSnapshotResponse(snapshot=snapshot, found_by=request.identity)

    async def BatchGetSnapshots(
        self, request: pb.BatchGetSnapshotsRequest, context: Context
    ) -> pb.BatchGetSnapshotsResponse:
        if not 1 <= len(request.identities) <= MAX_BATCH:
            raise BadValueError("identities", f"must be 1 to {MAX_BATCH}")
        merchant = await self._merchants.get(request.merchant_id)
        staleness_s = read_staleness_s(request.max_staleness) if request.HasField("max_staleness") else None
        places = asyncio.Semaphore(BATCH_CONCURRENCY)

        async def get_one(identity: pb.MemberIdentity) -> pb.BatchGetSnapshotsResponse.Result:
            async with places:
                try:
                    snapshot = await self._get(
                        merchant, identity, staleness_s, context, priority=Priority.BATCH, searches=Searches()
                    )
                except LoyaltyError as error:
                    return pb.BatchGetSnapshotsResponse.Result(error=make_status(error))
                return pb.BatchGetSnapshotsResponse.Result(snapshot=snapshot)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(get_one(identity)) for identity in request.identities]
        return pb.BatchGetSnapshotsResponse(results=[task.result() for task in tasks])

    async def GetHeldSnapshot(self, request: pb.GetHeldSnapshotRequest, context: Context) -> pb.GetHeldSnapshotResponse:
        merchant = await self._merchants.get(request.merchant_id)
        identity = read_identity(request.identity, merchant.dialling_country)
        return write_holding(await self._snapshots.get_holding(merchant, identity), merchant)

    async def InvalidateSnapshot(
        self,
        request: pb.InvalidateSnapshotRequest,
        context: Context,
    ) -> pb.InvalidateSnapshotResponse:
        merchant = await self._merchants.get(request.merchant_id)
        if not request.HasField("identity"):
            await self._snapshots.invalidate(merchant, read_member_id(request.member_id))
        elif request.member_id:
            raise BadValueError("identity", "must not be set together with member_id")
        else:
            await self._snapshots.drop(merchant, read_identity(request.identity, merchant.dialling_country))
        return pb.InvalidateSnapshotResponse()

    async def EraseMember(self, request: pb.EraseMemberRequest, context: Context) -> pb.EraseMemberResponse:
        merchant = await self._find_merchant(request.merchant_id)
        merchant_id, country = request.merchant_id, merchant.dialling_country if merchant else ""
        member_id, actor = read_erased_id(request.member_id), parse_eraser(request.erased_by)
        if len(request.identities) > MAX_NAMES:
            raise BadValueError("identities", f"must be at most {MAX_NAMES}")
        identities = [read_identity(identity, country) for identity in request.identities]
        if not member_id and not identities:
            raise BadValueError("member_id", "or identities must be set")
        erasure = await self._erasures.erase(merchant_id, member_id, actor) if member_id else Erasure()
        dropped_count = 0
        with contextlib.suppress(MerchantNotFoundError):  # nothing is held for a removed shop
            merchant = await self._merchants.get(merchant_id)
            # After the ledger: later reads of it have the pseudonym.
            dropped_count = await self._snapshots.erase(merchant, member_id, identities)
            await self._merchants.forget_member(merchant_id, member_id)
        return write_erasure(erasure, dropped_count)

    async def AwardPoints(self, request: pb.AwardPointsRequest, context: Context) -> pb.AwardPointsResponse:
        answer_s = self._get_answer_s(context)
        merchant = await self._merchants.get(request.merchant_id)
        answer = await self._awards.award(merchant, read_award(request, get_caller_name()), answer_s=answer_s)
        response = pb.AwardPointsResponse(
            award=write_award(answer.award), replayed=answer.replayed, member_name=answer.member_name
        )
        expire_time = self._awards.find_repeat_expire_time(answer.award, request.request_id)
        if expire_time is not None:
            response.repeat_expire_time.FromDatetime(expire_time)
        return response

    async def ReverseAward(self, request: pb.ReverseAwardRequest, context: Context) -> pb.ReverseAwardResponse:
        answer_s = self._get_answer_s(context)
        merchant = await self._merchants.get(request.merchant_id)
        answer = await self._awards.reverse(merchant, read_reversal(request, get_caller_name()), answer_s=answer_s)
        return pb.ReverseAwardResponse(
            award=write_award(answer.award), replayed=answer.replayed, member_name=answer.member_name
        )

    async def SettleAward(self, request: pb.SettleAwardRequest, context: Context) -> pb.SettleAwardResponse:
        award = await self._awards.settle(
            await self._find_books(request.merchant_id),
            request.award_id,
            state=read_state("outcome", request.outcome),
            actor=request.settled_by,
            because=request.because,
        )
        return pb.SettleAwardResponse(award=write_award(award))

    async def GetAward(self, request: pb.GetAwardRequest, context: Context) -> pb.GetAwardResponse:
        merchant_id = await self._find_books(request.merchant_id)
        if request.WhichOneof("key") is None:
            raise BadValueError("key", "must be award_id or request_id")
        award = await self._awards.get(merchant_id, request_id=request.request_id, award_id=request.award_id)
        changes = await self._history.list_changes(merchant_id, award.number)
        return pb.GetAwardResponse(award=write_award(award), changes=map(write_change, changes))

    async def ListAwards(self, request: pb.ListAwardsRequest, context: Context) -> pb.ListAwardsResponse:
        merchant_id = await self._find_books(request.merchant_id)
        wanted = read_filter(request.filter)

        async def fetch(last: str, count: int) -> list[Award]:
            return await self._history.list_page(merchant_id, wanted, int(last) if last else None, count)

        found, token = await list_page(
            f"awards/{merchant_id}", request, fetch, get_key=lambda award: str(award.number), is_key=is_award_number
        )
        return pb.ListAwardsResponse(awards=map(write_award, found), next_page_token=token)

    async def SumAwards(self, request: pb.SumAwardsRequest, context: Context) -> pb.SumAwardsResponse:
        merchant_id = await self._find_books(request.merchant_id)
        wanted, grouping = read_filter(request.filter), read_grouping(request.group_by)
        if grouping is not AwardGrouping.MEMBER:
            sums = await self._history.sum_awards(merchant_id, wanted, grouping)
            return pb.SumAwardsResponse(sums=map(write_sum, sums))

        async def fetch(last: str, count: int) -> list[tuple[int, AwardSum]]:
            members = await self._history.sum_members(merchant_id, wanted, int(last or 0), count)
            return list(enumerate(members, start=int(last or 0) + 1))

        found, token = await list_page(
            f"member-sums/{merchant_id}", request, fetch, get_key=lambda one: str(one[0]), is_key=is_award_number
        )
        return pb.SumAwardsResponse(sums=[write_sum(one) for _, one in found], next_page_token=token)

    async def _find_books(self, merchant_id: str) -> str:
        """The id of a merchant that exists or has awards on record. Raises MerchantNotFoundError."""
        await self._find_merchant(merchant_id)
        return merchant_id

    async def _find_merchant(self, merchant_id: str) -> Merchant | None:
        """None: it was removed, and has awards on record. Raises MerchantNotFoundError."""
        try:
            return await self._merchants.get(merchant_id)
        except MerchantNotFoundError:
            if not await self._history.has_awards(merchant_id):
                raise
            return None

    def _get_answer_s(self, context: Context) -> float:
        """The time for answering an award. Raises ProviderTimeoutError if no time is left."""
        answer_s = _left_s(context, self._award_answer_s)
        if answer_s <= 0:
            raise ProviderTimeoutError("no time was left to ask TRIFFT")
        return answer_s

    def _get_read_s(self, context: Context) -> float:
        """The time for reading a member. Raises ProviderTimeoutError if no time is left."""
        read_s = _left_s(context, self._read_timeout_s)
        if read_s <= 0:
            raise ProviderTimeoutError("no time was left to ask TRIFFT")
        return read_s

    async def _find_person(
        self,
        request: pb.GetSnapshotRequest,
        merchant: Merchant,
        staleness_s: float | None,
        searches: Searches,
        context: Context,
    ) -> pb.GetSnapshotResponse:
        end_time = asyncio.get_running_loop().time() + self._get_read_s(context)
        finder = PersonFinder(self._snapshots, merchant, searches, max_staleness_s=staleness_s, end_time=end_time)
        found = await finder.find(read_groups(request, merchant.dialling_country))
        return pb.GetSnapshotResponse(
            snapshot=write_snapshot(found.held, merchant),
            found_by=request.identity_groups[found.group_number].identities[found.number],
            found_in_group=found.group_number,
        )

    async def _get(  # noqa: PLR0913  each states a condition of the read
        self,
        merchant: Merchant,
        identity: pb.MemberIdentity,
        staleness_s: float | None,
        context: Context,
        *,
        priority: Priority,
        searches: Searches,
    ) -> pb.Snapshot:
        held = await self._snapshots.get(
            merchant,
            # Only a phone number needs the country, and to find it takes as long as the rest.
            read_identity(identity, merchant.dialling_country if identity.HasField("phone") else ""),
            max_staleness_s=staleness_s,
            timeout_s=self._get_read_s(context),
            priority=priority,
            searches=searches,
        )
        return write_snapshot(held, merchant)


def _left_s(context: Context, limit_s: float) -> float:
    """`limit_s`, or the time until the caller's deadline if that is less; may be below 0."""
    remaining_s = context.time_remaining()
    return limit_s if remaining_s is None else min(limit_s, remaining_s - ANSWER_MARGIN_S)
