"""The service over real gRPC on a free port."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, cast

import grpc
import msgspec
import pytest
from cryptography.fernet import Fernet
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status.rpc_status import from_call

from loyalty_service.config import Config
from loyalty_service.domain.ports import Clock, LoyaltyProvider
from loyalty_service.metrics import Metrics
from loyalty_service.server import open_shared_store, serve
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1 import loyalty_pb2_grpc as pb_grpc
from runtime.channels import DIRECT
from runtime.clock import SystemClock
from runtime.settings import Listen
from tests.loyalty_service.scripted import JANA

# A shop whose TRIFFT is on the loopback gives points without a proof.
ON_THIS_MACHINE = "http://127.0.0.1:8090"
SECRET_KEY = Fernet.generate_key().decode()
# Long enough that a busy machine does not look like a hanging provider or an unknown outcome.
PATIENT = {"read_timeout_s": 30.0, "award_answer_s": 30.0}
# Where an award stays in doubt until the test goes on. See Client.hold.
AT_ONCE_S = 0.05


class Client:
    """All services of one running server, and the few messages that most tests send."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.loyalty = pb_grpc.LoyaltyServiceStub(channel)
        self.merchants = pb_grpc.MerchantServiceStub(channel)
        self.callers = pb_grpc.CallerServiceStub(channel)

    async def add_merchant(self, merchant_id: str = "acme", **fields: Any) -> pb.Merchant:  # noqa: ANN401  any field
        merchant = pb.Merchant(**({"merchant_id": merchant_id, "provider_url": ON_THIS_MACHINE} | fields))
        request = pb.CreateMerchantRequest(merchant=merchant, provider_token="made-up-token")
        return (await self.merchants.CreateMerchant(request)).merchant

    async def hold(self, member_id: str = JANA) -> None:
        """Let the service hold the member: their next award needs no read, which would share the time of the answer."""
        request = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=member_id))
        await self.loyalty.GetSnapshot(request)

    async def award(self, timeout_s: float | None = 60.0, **fields: Any) -> pb.AwardPointsResponse:  # noqa: ANN401  any field
        wanted: dict[str, Any] = {"merchant_id": "acme", "request_id": make_request_id(), "member_id": JANA}
        wanted |= {"points": 100} | fields
        return await self.loyalty.AwardPoints(pb.AwardPointsRequest(**wanted), timeout=timeout_s)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a failed call. `field`: from its BadRequest; `retry_s`: from its RetryInfo."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: dict[str, str]
    field: str
    retry_s: float


async def catch_failure(call: Awaitable[object]) -> Failure:
    """Return the failure of a call that must fail, with an ErrorInfo in domain loyalty.v1."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = from_call(cast("grpc.Call", caught.value))
    return read_failure(status)


def read_failure(status: Status) -> Failure:
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in status.details:
        for message in (info, bad, retry):
            detail.Unpack(message)
    assert info.domain == "loyalty.v1"
    return Failure(
        code=next(code for code in grpc.StatusCode if code.value[0] == status.code),
        reason=info.reason,
        message=status.message,
        metadata=dict(info.metadata),
        field=bad.field_violations[0].field if bad.field_violations else "",
        retry_s=retry.retry_delay.ToNanoseconds() / 1e9,
    )


def make_request_id() -> str:
    return str(uuid.uuid4())


@asynccontextmanager
async def run_service(
    database_url: str,
    provider: LoyaltyProvider,
    clock: Clock | None = None,
    **settings: Any,  # noqa: ANN401  any field of Config
) -> AsyncIterator[Client]:
    settings = PATIENT | settings
    config = Config(database_url=database_url, secret_keys=(SECRET_KEY,), listen=Listen("127.0.0.1", 0), **settings)
    clock, metrics = clock or SystemClock(), Metrics()
    async with (
        open_shared_store(config, clock, metrics) as valkey,
        serve(config, provider, clock, valkey, metrics) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=DIRECT) as channel,
    ):
        yield Client(channel)


class StartService(Protocol):
    def __call__(self, **settings: Any) -> AbstractAsyncContextManager[Client]: ...  # noqa: ANN401


async def wait_until(condition: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    """Return once `condition()` is true. Raises TimeoutError."""
    pause_s = 0.005
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.1)  # each check takes time from the work that is waited for
