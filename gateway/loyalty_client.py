"""The gateway's client of the loyalty service: one channel, one method for each RPC, one error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, TypeVar, cast

import grpc
from aiohttp import web
from google.protobuf import duration_pb2, field_mask_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from gateway.errors import LoyaltyCallError
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1.loyalty_pb2_grpc import CallerServiceStub, LoyaltyServiceStub, MerchantServiceStub
from runtime.channels import DIRECT

if TYPE_CHECKING:  # they exist in the stubs' .pyi only
    from protos.loyalty.v1.loyalty_pb2_grpc import (
        CallerServiceAsyncStub,
        LoyaltyServiceAsyncStub,
        MerchantServiceAsyncStub,
    )

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Detail = TypeVar("_Detail", error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, error_details_pb2.BadRequest)

# Reconnects and resolves DNS again within 1 s, so that a restarted service is found at once. Despite its name,
# `min_reconnect_backoff` is the time that one attempt may take: enough for a busy service, and shorter than the calls
# that wait for it.
_CHANNEL_OPTIONS = (
    *DIRECT,
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_retries", 0),
)
# The messages of grpc-core for a call that found no connection, and so never left this process.
_NEVER_SENT = ("connections to all backends failing", "failed to connect to all addresses", "errors resolving")


class LoyaltyClient:
    """Open with `async with`. Every method raises LoyaltyCallError, and takes its timeout."""

    def __init__(self, target: str, key: str) -> None:
        self._target = target
        self._metadata = (("authorization", f"Bearer {key}"),) if key else ()

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(self._target, options=_CHANNEL_OPTIONS)
        self._loyalty: LoyaltyServiceAsyncStub = LoyaltyServiceStub(self._channel)
        self._merchants: MerchantServiceAsyncStub = MerchantServiceStub(self._channel)
        self._callers: CallerServiceAsyncStub = CallerServiceStub(self._channel)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._channel.close()

    async def get_snapshot(
        self,
        merchant_id: str,
        identity: pb.MemberIdentity,
        *,
        max_staleness_s: float | None,
        timeout_s: float,
        request_id: str = "",
    ) -> pb.Snapshot:
        request = pb.GetSnapshotRequest(merchant_id=merchant_id, identity=identity)
        if max_staleness_s is not None:
            request.max_staleness.CopyFrom(_duration(max_staleness_s))
        response = await self._call(self._loyalty.GetSnapshot, request, timeout_s, request_id)
        return response.snapshot

    async def find_snapshot(  # noqa: PLR0913 - one value per field of the request
        self,
        merchant_id: str,
        groups: Sequence[pb.IdentityGroup],
        *,
        max_search_count: int,
        max_staleness_s: float,
        timeout_s: float,
        request_id: str = "",
    ) -> pb.GetSnapshotResponse:
        """The first group that finds anybody decides."""
        request = pb.GetSnapshotRequest(
            merchant_id=merchant_id, identity_groups=groups, max_search_count=max_search_count
        )
        request.max_staleness.CopyFrom(_duration(max_staleness_s))
        return await self._call(self._loyalty.GetSnapshot, request, timeout_s, request_id)

    async def invalidate_snapshot(self, merchant_id: str, member_id: str, *, timeout_s: float, request_id: str) -> None:
        request = pb.InvalidateSnapshotRequest(merchant_id=merchant_id, member_id=member_id)
        await self._call(self._loyalty.InvalidateSnapshot, request, timeout_s, request_id)

    async def get_held_snapshot(
        self, merchant_id: str, identity: pb.MemberIdentity, *, timeout_s: float
    ) -> pb.GetHeldSnapshotResponse:
        """Get what the service holds, without a read of TRIFFT."""
        request = pb.GetHeldSnapshotRequest(merchant_id=merchant_id, identity=identity)
        return await self._call(self._loyalty.GetHeldSnapshot, request, timeout_s)

    async def drop_snapshot(self, merchant_id: str, identity: pb.MemberIdentity, *, timeout_s: float) -> None:
        request = pb.InvalidateSnapshotRequest(merchant_id=merchant_id, identity=identity)
        await self._call(self._loyalty.InvalidateSnapshot, request, timeout_s)

    async def erase_member(self, request: pb.EraseMemberRequest, *, timeout_s: float) -> pb.EraseMemberResponse:
        return await self._call(self._loyalty.EraseMember, request, timeout_s)

    async def award_points(
        self, request: pb.AwardPointsRequest, *, timeout_s: float, request_id: str = ""
    ) -> pb.AwardPointsResponse:
        return await self._call(self._loyalty.AwardPoints, request, timeout_s, request_id)

    async def find_member(
        self, merchant_id: str, identity: pb.MemberIdentity, *, max_staleness_s: float | None = None, timeout_s: float
    ) -> pb.Snapshot:
        """Find a member by any identity. Without `max_staleness_s`, a held snapshot may be the answer."""
        request = pb.GetSnapshotRequest(merchant_id=merchant_id, identity=identity)
        if max_staleness_s is not None:
            request.max_staleness.CopyFrom(_duration(max_staleness_s))
        response = await self._call(self._loyalty.GetSnapshot, request, timeout_s)
        return response.snapshot

    async def get_member(self, merchant_id: str, member_id: str, *, timeout_s: float) -> pb.Snapshot:
        """Get a member by the provider's id, with a new read."""
        request = pb.GetSnapshotRequest(
            merchant_id=merchant_id,
            identity=pb.MemberIdentity(member_id=member_id),
            max_staleness=_duration(0),
        )
        response = await self._call(self._loyalty.GetSnapshot, request, timeout_s)
        return response.snapshot

    async def reverse_award(
        self, request: pb.ReverseAwardRequest, *, timeout_s: float, request_id: str = ""
    ) -> pb.ReverseAwardResponse:
        return await self._call(self._loyalty.ReverseAward, request, timeout_s, request_id)

    async def settle_award(self, request: pb.SettleAwardRequest, *, timeout_s: float) -> pb.Award:
        response = await self._call(self._loyalty.SettleAward, request, timeout_s)
        return response.award

    async def get_award(self, request: pb.GetAwardRequest, *, timeout_s: float) -> pb.GetAwardResponse:
        return await self._call(self._loyalty.GetAward, request, timeout_s)

    async def list_awards(
        self,
        merchant_id: str,
        *,
        award_filter: pb.AwardFilter | None = None,
        page_size: int = 100,
        page_token: str = "",
        timeout_s: float,
    ) -> pb.ListAwardsResponse:
        request = pb.ListAwardsRequest(
            merchant_id=merchant_id, filter=award_filter, page_size=page_size, page_token=page_token
        )
        return await self._call(self._loyalty.ListAwards, request, timeout_s)

    async def sum_awards(self, request: pb.SumAwardsRequest, *, timeout_s: float) -> pb.SumAwardsResponse:
        return await self._call(self._loyalty.SumAwards, request, timeout_s)

    async def create_merchant(self, request: pb.CreateMerchantRequest, *, timeout_s: float) -> pb.Merchant:
        response = await self._call(self._merchants.CreateMerchant, request, timeout_s)
        return response.merchant

    async def get_merchant(self, merchant_id: str, *, timeout_s: float) -> pb.Merchant:
        response = await self._call(
            self._merchants.GetMerchant, pb.GetMerchantRequest(merchant_id=merchant_id), timeout_s
        )
        return response.merchant

    async def list_merchants(self, *, page_token: str = "", timeout_s: float) -> pb.ListMerchantsResponse:
        request = pb.ListMerchantsRequest(page_token=page_token)
        return await self._call(self._merchants.ListMerchants, request, timeout_s)

    async def update_merchant(
        self, request: pb.UpdateMerchantRequest, fields: Sequence[str], *, timeout_s: float
    ) -> pb.Merchant:
        request.update_mask.CopyFrom(field_mask_pb2.FieldMask(paths=fields))
        response = await self._call(self._merchants.UpdateMerchant, request, timeout_s)
        return response.merchant

    async def delete_merchant(self, merchant_id: str, *, timeout_s: float) -> None:
        await self._call(self._merchants.DeleteMerchant, pb.DeleteMerchantRequest(merchant_id=merchant_id), timeout_s)

    async def check_merchant(self, merchant_id: str, *, timeout_s: float) -> pb.CheckMerchantResponse:
        """Also answers where TRIFFT could not be asked: see `probe_failure`."""
        request = pb.CheckMerchantRequest(merchant_id=merchant_id, tolerate_failure=True)
        return await self._call(self._merchants.CheckMerchant, request, timeout_s)

    async def inspect_member(
        self, merchant_id: str, identity: pb.MemberIdentity, *, timeout_s: float
    ) -> pb.InspectMemberResponse:
        """A member as TRIFFT has them now, line by line of the shop's profile."""
        request = pb.InspectMemberRequest(merchant_id=merchant_id, identity=identity)
        return await self._call(self._merchants.InspectMember, request, timeout_s)

    async def verify_merchant(
        self, request: pb.VerifyMerchantRequest, *, timeout_s: float
    ) -> pb.VerifyMerchantResponse:
        return await self._call(self._merchants.VerifyMerchant, request, timeout_s)

    async def create_caller(self, caller: pb.Caller, *, timeout_s: float) -> pb.CreateCallerResponse:
        return await self._call(self._callers.CreateCaller, pb.CreateCallerRequest(caller=caller), timeout_s)

    async def list_callers(self, *, timeout_s: float) -> Sequence[pb.Caller]:
        response = await self._call(self._callers.ListCallers, pb.ListCallersRequest(), timeout_s)
        return response.callers

    async def delete_caller(self, name: str, *, timeout_s: float) -> None:
        await self._call(self._callers.DeleteCaller, pb.DeleteCallerRequest(name=name), timeout_s)

    async def _call(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        timeout_s: float,
        request_id: str = "",
    ) -> _Response:
        metadata = (*self._metadata, ("x-request-id", request_id)) if request_id else self._metadata
        try:
            return await method(request, timeout=timeout_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise _parse_error(error) from error


CLIENT = web.AppKey("client", LoyaltyClient)


def _duration(seconds: float) -> duration_pb2.Duration:
    whole = int(seconds)
    return duration_pb2.Duration(seconds=whole, nanos=int((seconds - whole) * 1e9))


def _parse_error(error: grpc.aio.AioRpcError) -> LoyaltyCallError:
    code, message = error.code(), error.details() or ""
    status = rpc_status.from_call(cast("grpc.Call", error))
    info = _detail(status, error_details_pb2.ErrorInfo) if status else None
    if status is None or info is None:
        is_late = code is grpc.StatusCode.DEADLINE_EXCEEDED
        return LoyaltyCallError(
            "LOYALTY_TIMEOUT" if is_late else "LOYALTY_UNAVAILABLE",
            "the loyalty service did not answer",
            code=code,
            metadata={},
            is_answered=False,
            is_sent=not message.startswith(_NEVER_SENT),
        )
    retry = _detail(status, error_details_pb2.RetryInfo)
    bad = _detail(status, error_details_pb2.BadRequest)
    return LoyaltyCallError(
        info.reason,
        message,
        code=code,
        metadata=dict(info.metadata),
        field=bad.field_violations[0].field if bad and bad.field_violations else "",
        retry_after_s=retry.retry_delay.ToNanoseconds() / 1e9 if retry else None,
        is_answered=True,
    )


def _detail(status: status_pb2.Status, kind: type[_Detail]) -> _Detail | None:
    for packed in status.details:
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None
