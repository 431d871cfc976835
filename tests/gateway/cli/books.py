"""A loyalty service that answers from a list of awards, on a real port and in its own thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from protos.loyalty.v1 import loyalty_pb2 as pb

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Context: TypeAlias = grpc.ServicerContext


@dataclass(frozen=True)
class Refusal:
    """A status as the loyalty service sends it."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: dict[str, str] = field(default_factory=dict)
    field_name: str = ""

    def abort(self, context: Context) -> None:
        info, bad = any_pb2.Any(), any_pb2.Any()
        info.Pack(error_details_pb2.ErrorInfo(reason=self.reason, domain="loyalty.v1", metadata=self.metadata))
        violation = error_details_pb2.BadRequest.FieldViolation(field=self.field_name)
        bad.Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        details = [info, bad] if self.field_name else [info]
        code = self.code.value[0]
        context.abort_with_status(
            rpc_status.to_status(status_pb2.Status(code=code, message=self.message, details=details))
        )


@dataclass
class Books:
    """One shop and its awards, newest first. `requests`: all that came. `refusal`: the answer to all but GetMerchant.

    `members`: member ids by e-mail or support ID; "several": several members have it. `on_page` runs before each page
    of ListAwards is answered.
    """

    port: int = 0
    merchant: pb.Merchant = field(
        default_factory=lambda: pb.Merchant(merchant_id="acme", time_zone="Europe/Bratislava", locale="en")
    )
    awards: list[pb.Award] = field(default_factory=list)
    changes: list[pb.AwardChange] = field(default_factory=list)
    sums: list[pb.AwardSum] = field(default_factory=list)
    members: dict[str, str] = field(default_factory=dict)
    erasure: pb.EraseMemberResponse = field(default_factory=pb.EraseMemberResponse)
    findings: pb.CheckMerchantResponse = field(default_factory=pb.CheckMerchantResponse)
    refusal: Refusal | None = None
    requests: list[Any] = field(default_factory=list)
    on_page: Callable[[], object] = lambda: None

    def handle(self, name: str, request: Message, context: Context) -> Message:
        self.requests.append(request)
        if self.refusal is not None and name != "GetMerchant":
            self.refusal.abort(context)
        if isinstance(request, pb.GetSnapshotRequest):
            self._refuse_unless_one(request.identity, context)
        answer: Message = getattr(self, f"_{name}")(request)
        return answer

    @property
    def filters(self) -> list[pb.AwardFilter]:
        return [one.filter for one in self.requests if isinstance(one, pb.ListAwardsRequest | pb.SumAwardsRequest)]

    def _GetMerchant(self, _request: pb.GetMerchantRequest) -> pb.GetMerchantResponse:  # noqa: N802 - the RPC's name
        return pb.GetMerchantResponse(merchant=self.merchant)

    def _CheckMerchant(self, _request: pb.CheckMerchantRequest) -> pb.CheckMerchantResponse:  # noqa: N802 - the RPC's name
        return self.findings

    def _ListAwards(self, request: pb.ListAwardsRequest) -> pb.ListAwardsResponse:  # noqa: N802 - the RPC's name
        self.on_page()
        wanted = request.filter
        awards = [
            one
            for one in self.awards
            if (one.needs_person or not wanted.needs_person)
            and (one.state in wanted.states or not wanted.states)
            and wanted.member_support_id in {"", one.member_support_id}
        ]
        start = int(request.page_token or 0)
        end = start + (request.page_size or 100)
        token = str(end) if end < len(awards) else ""
        return pb.ListAwardsResponse(awards=awards[start:end], next_page_token=token)

    def _GetSnapshot(self, request: pb.GetSnapshotRequest) -> pb.GetSnapshotResponse:  # noqa: N802 - the RPC's name
        member_id = self.members[_read_identity(request.identity)]
        return pb.GetSnapshotResponse(snapshot=pb.Snapshot(member=pb.Member(member_id=member_id)))

    def _GetHeldSnapshot(self, _request: pb.GetHeldSnapshotRequest) -> pb.GetHeldSnapshotResponse:  # noqa: N802 - the RPC's name
        return pb.GetHeldSnapshotResponse()

    def _EraseMember(self, _request: pb.EraseMemberRequest) -> pb.EraseMemberResponse:  # noqa: N802 - the RPC's name
        return self.erasure

    def _refuse_unless_one(self, identity: pb.MemberIdentity, context: Context) -> None:
        member_id = self.members.get(_read_identity(identity))
        if member_id is None:
            Refusal(grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND", "no such member").abort(context)
        if member_id == "several":
            Refusal(grpc.StatusCode.FAILED_PRECONDITION, "MEMBER_AMBIGUOUS", "several members").abort(context)

    def _GetAward(self, request: pb.GetAwardRequest) -> pb.GetAwardResponse:  # noqa: N802 - the RPC's name
        found = next(one for one in self.awards if one.award_id == request.award_id)
        return pb.GetAwardResponse(award=found, changes=self.changes)

    def _SumAwards(self, _request: pb.SumAwardsRequest) -> pb.SumAwardsResponse:  # noqa: N802 - the RPC's name
        return pb.SumAwardsResponse(sums=self.sums)

    def _SettleAward(self, request: pb.SettleAwardRequest) -> pb.SettleAwardResponse:  # noqa: N802 - the RPC's name
        return pb.SettleAwardResponse(award=make_award(12, award_id=request.award_id, state=request.outcome))


def _read_identity(identity: pb.MemberIdentity) -> str:
    return identity.email or identity.support_id


def make_award(number: int, **changes: Any) -> pb.Award:  # noqa: ANN401 - any field of Award
    fields: dict[str, Any] = {
        "award_id": f"A-{number}",
        "merchant_id": "acme",
        "member_id": "member-1",
        "request_id": f"request-{number}",
        "points": 100,
        "ticket_id": "4711",
        "claimed_agent_email": "ana@shop.example",
        "claimed_agent_name": "Ana K.",
        "state": pb.AWARD_STATE_APPLIED,
        "create_time": make_timestamp(NOON + timedelta(minutes=number)),
        "update_time": make_timestamp(NOON + timedelta(minutes=number)),
        "debit": "reverses" in changes,
    }
    return pb.Award(**(fields | changes))


def make_timestamp(time: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


@contextmanager
def run_books() -> Iterator[Books]:
    books = Books()
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, options=(("grpc.so_reuseport", 0),))
        for service, names in (
            (
                "LoyaltyService",
                (
                    *("GetSnapshot", "GetHeldSnapshot", "EraseMember"),
                    *("ListAwards", "GetAward", "SumAwards", "SettleAward"),
                ),
            ),
            ("MerchantService", ("GetMerchant", "CheckMerchant")),
        ):
            handlers = {name: _make_handler(books, name) for name in names}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"loyalty.v1.{service}", handlers),))
        books.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield books
        server.stop(None).wait()


def _make_handler(books: Books, name: str) -> "grpc.RpcMethodHandler[Any, Any]":
    return grpc.unary_unary_rpc_method_handler(
        lambda request, context: books.handle(name, request, context),
        request_deserializer=getattr(pb, f"{name}Request").FromString,
        response_serializer=getattr(pb, f"{name}Response").SerializeToString,
    )
