"""A loyalty service with scripted answers, on a real port."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from protos.loyalty.v1 import loyalty_pb2 as pb

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True)
class Failure:
    """A status as the loyalty service sends it. Without a `reason`, the transport would send it."""

    code: grpc.StatusCode
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after_s: int | None = None
    field_name: str = ""

    async def abort(self, context: Context) -> None:
        if not self.reason:
            await context.abort(self.code, "secret inner text")
        details = [error_details_pb2.ErrorInfo(reason=self.reason, domain="loyalty.v1", metadata=self.metadata)]
        if self.retry_after_s is not None:
            delay = duration_pb2.Duration(seconds=self.retry_after_s)
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        if self.field_name:
            violation = error_details_pb2.BadRequest.FieldViolation(field=self.field_name)
            details.append(error_details_pb2.BadRequest(field_violations=[violation]))
        packed = []
        for detail in details:
            packed.append(any_pb2.Any())
            packed[-1].Pack(detail)
        status = status_pb2.Status(code=self.code.value[0], message="secret inner text", details=packed)
        await context.abort_with_status(rpc_status.to_status(status))


_METHODS = {
    "LoyaltyService": {
        "GetSnapshot": "get_snapshot",
        "InvalidateSnapshot": "invalidate_snapshot",
        "AwardPoints": "award_points",
        "ReverseAward": "reverse_award",
        "GetAward": "get_award",
    },
    "MerchantService": {"GetMerchant": "get_merchant"},
}


class ScriptedLoyalty:
    """Gives scripted answers, and keeps the requests. An Event holds GetSnapshot until it is set.

    An award or a reversal without `request_id` gets that of the request. `on_record`: the awards that GetAward finds,
    by number. `members`: if any, GetSnapshot looks for its identities there, with one search for each.
    """

    def __init__(self) -> None:
        self.members: dict[str, Sequence[pb.Snapshot]] = {}
        self.snapshot: pb.Snapshot | Failure | asyncio.Event = Failure(grpc.StatusCode.INTERNAL)
        self.award: pb.AwardPointsResponse | Failure = Failure(grpc.StatusCode.INTERNAL)
        self.reversal: pb.ReverseAwardResponse | Failure = Failure(grpc.StatusCode.INTERNAL)
        self.on_record: dict[str, pb.Award] = {}
        self.merchant = pb.Merchant(time_zone="Europe/Bratislava", locale="en")
        self.invalidation: Failure | None = None
        self.invalidations: list[pb.InvalidateSnapshotRequest] = []
        self.snapshot_requests: list[pb.GetSnapshotRequest] = []
        self.award_requests: list[pb.AwardPointsRequest] = []
        self.reversal_requests: list[pb.ReverseAwardRequest] = []
        self.authorizations: set[str] = set()

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Serve these answers to every shop."""
        add_scripts(server, lambda _merchant_id: self)

    async def get_snapshot(self, request: pb.GetSnapshotRequest, context: Context) -> pb.GetSnapshotResponse:
        self.snapshot_requests.append(request)
        self.authorizations.add(str(dict(context.invocation_metadata() or ())["authorization"]))
        if self.members:
            return await find_by_rule(self.members, request, context)
        if isinstance(self.snapshot, asyncio.Event):
            await self.snapshot.wait()
        if isinstance(self.snapshot, Failure):
            await self.snapshot.abort(context)
        assert isinstance(self.snapshot, pb.Snapshot)
        return pb.GetSnapshotResponse(snapshot=self.snapshot)

    async def invalidate_snapshot(
        self, request: pb.InvalidateSnapshotRequest, context: Context
    ) -> pb.InvalidateSnapshotResponse:
        self.invalidations.append(request)
        if self.invalidation is not None:
            await self.invalidation.abort(context)
        return pb.InvalidateSnapshotResponse()

    async def award_points(self, request: pb.AwardPointsRequest, context: Context) -> pb.AwardPointsResponse:
        self.award_requests.append(request)
        if isinstance(self.award, Failure):
            await self.award.abort(context)
        assert isinstance(self.award, pb.AwardPointsResponse)
        response = pb.AwardPointsResponse()
        response.CopyFrom(self.award)
        response.award.request_id = response.award.request_id or request.request_id
        return response

    async def reverse_award(self, request: pb.ReverseAwardRequest, context: Context) -> pb.ReverseAwardResponse:
        self.reversal_requests.append(request)
        if isinstance(self.reversal, Failure):
            await self.reversal.abort(context)
        assert isinstance(self.reversal, pb.ReverseAwardResponse)
        response = pb.ReverseAwardResponse()
        response.CopyFrom(self.reversal)
        response.award.request_id = response.award.request_id or request.request_id
        return response

    async def get_award(self, request: pb.GetAwardRequest, context: Context) -> pb.GetAwardResponse:
        award = self.on_record.get(request.award_id)
        if award is None:
            await Failure(grpc.StatusCode.NOT_FOUND, "AWARD_NOT_FOUND").abort(context)
        return pb.GetAwardResponse(award=award)

    async def get_merchant(self, _request: pb.GetMerchantRequest, _context: Context) -> pb.GetMerchantResponse:
        return pb.GetMerchantResponse(merchant=self.merchant)


async def find_by_rule(
    members: Mapping[str, Sequence[pb.Snapshot]], request: pb.GetSnapshotRequest, context: Context
) -> pb.GetSnapshotResponse:
    """Find as the loyalty service does: the first group that finds a member decides. Each identity is one search."""
    groups = request.identity_groups or [pb.IdentityGroup(identities=[request.identity])]
    searches, most = 0, request.max_search_count or 5
    for number, group in enumerate(groups):
        found: dict[str, tuple[pb.Snapshot, pb.MemberIdentity]] = {}
        for identity in group.identities:
            searches += 1
            if searches > most:
                count = {"search_count": str(most)}
                await Failure(grpc.StatusCode.FAILED_PRECONDITION, "SEARCHES_EXHAUSTED", count).abort(context)
            for snapshot in members.get(getattr(identity, str(identity.WhichOneof("identity"))), ()):
                found.setdefault(snapshot.member.member_id, (snapshot, identity))
        metadata = {"search_count": str(searches), "fetch_time": "2026-11-23T12:55:00+00:00"}
        if len(found) > 1:
            support_ids = [one.member.support_id for one, _ in found.values()]
            metadata |= {"member_count": str(len(found)), "support_ids": json.dumps(support_ids)}
            await Failure(grpc.StatusCode.FAILED_PRECONDITION, "MEMBER_AMBIGUOUS", metadata).abort(context)
        for snapshot, identity in found.values():
            return pb.GetSnapshotResponse(snapshot=snapshot, found_by=identity, found_in_group=number)
    await Failure(grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND", metadata).abort(context)
    raise AssertionError("abort raises")


def add_scripts(server: grpc.aio.Server, get_script: Callable[[str], ScriptedLoyalty]) -> None:
    """`get_script` returns the script of a shop by its id."""
    for service, methods in _METHODS.items():
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                _make_handler(method, get_script),
                request_deserializer=getattr(pb, f"{name}Request").FromString,
                response_serializer=getattr(pb, f"{name}Response").SerializeToString,
            )
            for name, method in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"loyalty.v1.{service}", handlers),))


def _make_handler(method: str, get_script: Callable[[str], ScriptedLoyalty]) -> Callable[..., Any]:
    async def handle(request: Any, context: Context) -> Any:  # noqa: ANN401 - any message
        return await getattr(get_script(request.merchant_id), method)(request, context)

    return handle


@asynccontextmanager
async def run_scripts(get_script: Callable[[str], ScriptedLoyalty]) -> AsyncIterator[str]:
    """Run a scripted loyalty service; yield its address."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    add_scripts(server, get_script)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)
