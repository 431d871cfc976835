"""The stack for awards: a TRIFFT without delay and one with, both processes, and shops with a panel each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet

from bench.databases import Engine, open_databases
from bench.process import HOST, Process
from bench.stack import MANY_REQUESTS, Starter, install
from gateway.actions.token import AwardTokens
from gateway.database import open_database
from gateway.installation.store import InstallationStore
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.encryption import SecretKeys

SLOW_SHOP = "slow"
SHOPS = tuple(f"shop-{number}" for number in range(20))
WORKERS = ("gateway", "loyalty_service")
_TIMEOUT_S = 20.0
_DAY_S = 86_400.0


class AwardStack(msgspec.Struct, frozen=True, kw_only=True):
    """`credentials`: the widgets', by shop. TRIFFT answers SHOPS at once, and SLOW_SHOP after 50 ms.

    `gateway`, `quick`: ports, the second of the TRIFFT and Gorgias of SHOPS. `workers`: what an award goes through.
    """

    gateway: int
    quick: int
    loyalty_url: str
    loyalty_target: str
    loyalty_key: str
    credentials: dict[str, str]
    tokens: AwardTokens
    folder: Path
    workers: dict[str, Process]


@asynccontextmanager
async def run_award_stack(engine: Engine, folder: Path) -> AsyncIterator[AwardStack]:
    """Raises ProcessError."""
    key, keys = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    async with AsyncExitStack() as stack:
        loyalty_url, gateway_url = await stack.enter_async_context(open_databases(engine, folder))
        starter = Starter(stack, folder)
        loyalty = {
            "LOYALTY_LISTEN": f"{HOST}:0",
            "LOYALTY_DATABASE_URL": loyalty_url,
            "LOYALTY_SECRET_KEYS": key,
            "LOYALTY_API_KEY": key,
        }
        quick, slow, port = await asyncio.gather(
            starter.start("quick", "bench.trifft", "0"),
            starter.start("slow", "bench.trifft"),
            starter.start("loyalty_service", "loyalty_service", settings=loyalty),
        )
        target = f"{HOST}:{port}"
        origins = dict.fromkeys(SHOPS, f"http://{HOST}:{quick}") | {SLOW_SHOP: f"http://{HOST}:{slow}"}
        settings = {
            "GATEWAY_LISTEN": f"{HOST}:0",
            "GATEWAY_DATABASE_URL": gateway_url,
            "GATEWAY_SECRET_KEYS": keys,
            "GATEWAY_LOYALTY_TARGET": target,
            "GATEWAY_LOYALTY_KEY": key,
            "GATEWAY_ACTIONS_PER_MINUTE": "1000000",
            # A real account would not allow so many look-ups of tickets.
            "GATEWAY_GORGIAS_REQUESTS": "1000000",
        }
        gateway, _ = await asyncio.gather(
            starter.start("gateway", "gateway", settings=settings), _add_merchants(target, key, origins)
        )
        yield AwardStack(
            gateway=gateway,
            quick=quick,
            loyalty_url=loyalty_url,
            loyalty_target=target,
            loyalty_key=key,
            credentials=await _install_all(gateway_url, keys, origins),
            tokens=AwardTokens(SecretKeys((keys,)).derive("award-token"), life_s=_DAY_S),
            folder=folder,
            workers={name: starter.started[name] for name in WORKERS},
        )


async def _add_merchants(target: str, key: str, origins: dict[str, str]) -> None:
    async with LoyaltyClient(target, key) as client:
        for shop, origin in origins.items():
            merchant = pb.Merchant(merchant_id=shop, provider_url=origin, profile=MANY_REQUESTS)
            request = pb.CreateMerchantRequest(merchant=merchant, provider_token="bench", skip_probe=True)  # noqa: S106 - made up
            await client.create_merchant(request, timeout_s=_TIMEOUT_S)


async def _install_all(database_url: str, keys: str, origins: dict[str, str]) -> dict[str, str]:
    """Install all shops. A shop's Gorgias is on the port of its TRIFFT."""
    async with open_database(database_url) as database:
        store = InstallationStore(database, SecretKeys((keys,)))
        return {shop: await install(store, shop, f"{origin}/gorgias/{shop}") for shop, origin in origins.items()}
