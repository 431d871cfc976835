"""The service over real gRPC on a free port."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import grpc
from cryptography.fernet import Fernet

from loyalty_service.clock import SystemClock
from loyalty_service.config import Config
from loyalty_service.domain.ports import LoyaltyProvider
from loyalty_service.server import serve
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1 import loyalty_pb2_grpc as pb_grpc
from tests.loyalty_service.scripted import JANA

SECRET_KEY = Fernet.generate_key().decode()


class Client:
    """Both services of one running server, and the few messages that most tests send."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.loyalty = pb_grpc.LoyaltyServiceStub(channel)
        self.merchants = pb_grpc.MerchantServiceStub(channel)

    async def add_merchant(self, merchant_id: str = "acme", **fields: Any) -> pb.Merchant:  # noqa: ANN401  any field
        merchant = pb.Merchant(merchant_id=merchant_id, provider_url="https://api.trifft.io", **fields)
        request = pb.CreateMerchantRequest(merchant=merchant, provider_token="made-up-token")
        return (await self.merchants.CreateMerchant(request)).merchant

    async def award(self, timeout_s: float | None = 8.0, **fields: Any) -> pb.AwardPointsResponse:  # noqa: ANN401  any field
        wanted: dict[str, Any] = {"merchant_id": "acme", "request_id": make_request_id(), "member_id": JANA}
        wanted |= {"points": 100} | fields
        return await self.loyalty.AwardPoints(pb.AwardPointsRequest(**wanted), timeout=timeout_s)


def make_request_id() -> str:
    return str(uuid.uuid4())


@asynccontextmanager
async def run_service(
    database_url: str,
    provider: LoyaltyProvider,
    **settings: Any,  # noqa: ANN401  any field of Config
) -> AsyncIterator[Client]:
    config = Config(database_url=database_url, secret_keys=(SECRET_KEY,), listen="127.0.0.1:0", **settings)
    async with (
        serve(config, provider, SystemClock()) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Client(channel)


class StartService(Protocol):
    def __call__(self, **settings: Any) -> AbstractAsyncContextManager[Client]: ...  # noqa: ANN401


async def wait_until(condition: Callable[[], object]) -> None:
    """Returns once `condition()` is true; fails the test after 5 s."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)
