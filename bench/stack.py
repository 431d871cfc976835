"""The processes that a run measures, on free ports."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
from cryptography.fernet import Fernet

from bench.process import HOST, Process, ProcessError, find_free_ports, run_process
from bench.valkey import run_valkey
from gateway.database import open_database
from gateway.gorgias.widget_url import render_widget_url
from gateway.installation.store import InstallationStore, Target
from runtime.encryption import SecretKeys

MERCHANT_ID, QUICK_MERCHANT_ID = "bench", "bench-quick"
QUICK_CALL_S = 0.005
"""The time of a call of the second merchant's TRIFFT."""
# Our own speed is measured, so TRIFFT's rate must not be the bound.
MANY_REQUESTS = "[rate]\nrequests = 1000000\n"
_PORT = re.compile(rf"{re.escape(HOST)}:(\d+)")
PEER_PYTHON = Path(__file__).parent / "peer" / ".venv" / "bin" / "python"
_HELD_STALENESS = {"GATEWAY_MAX_STALENESS_S": "3600"}
_LIVE_STALENESS = {"GATEWAY_MAX_STALENESS_S": "0.000001"}


def make_widget_path(credential: str, email: str, ticket_id: str = "1") -> str:
    """The path that Gorgias calls. Each ticket's customer has the ticket's number."""
    values = {"ticket.id": ticket_id, "ticket.customer.id": ticket_id, "ticket.customer.email": email}
    path = render_widget_url("", credential)
    for name, value in values.items():
        path = path.replace(f"{{{{{name}}}}}", value)
    return path


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """The ports of all processes. `credential`: the widget's. `body`: one answer of the widget.

    `quick_credential`: of the merchant whose TRIFFT is `quick_trifft`, and for `peer`.

    `workers`: the processes by name; "loyalty_service" serves the gateways `held` and `live`, "shared_service", which
    holds snapshots on a Valkey, the gateway `shared`. `folder`: for a run's files.
    """

    trifft: int
    quick_trifft: int
    bare: int
    relay: int
    getting: int
    chain: int
    peer: int
    held: int
    shared: int
    live: int
    credential: str
    quick_credential: str
    body: bytes
    workers: dict[str, Process]
    folder: Path


class Starter:
    """Starts processes that end together with the stack. Each method raises ProcessError."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self.started: dict[str, Process] = {}

    async def start(self, name: str, module: str, *arguments: str, settings: Mapping[str, str] | None = None) -> int:
        """Start a process; return its port, which its log names."""
        process = await self._start(name, module, *arguments, settings=settings or {})
        line = await process.wait_for_line("listening")
        return int(_PORT.findall(line)[0])

    async def start_peer(self, name: str, trifft_url: str, token: str) -> int:
        """In its own environment, which `make bench` makes."""
        if not PEER_PYTHON.exists():
            raise ProcessError(f"{name} has no environment: make bench/peer/.venv")
        settings = {"PEER_TRIFFT_URL": trifft_url, "PEER_TOKEN": token}
        arguments = ("bench.peer.app:app", "--host", HOST, "--port", "0")
        process = await self._start(name, "uvicorn", *arguments, settings=settings, python=str(PEER_PYTHON))
        return int(_PORT.findall(await process.wait_for_line("running on"))[0])

    async def run(self, name: str, module: str, *arguments: str) -> None:
        await (await self._start(name, module, *arguments, settings={})).wait()

    async def _start(
        self, name: str, module: str, *arguments: str, settings: Mapping[str, str], python: str = sys.executable
    ) -> Process:
        running = run_process(self._folder / f"{name}.log", module, *arguments, settings=settings, python=python)
        self.started[name] = await self._stack.enter_async_context(running)
        return self.started[name]


@asynccontextmanager
async def run_stack(folder: Path) -> AsyncIterator[Stack]:
    """Start everything, and wait until it answers. Raises ProcessError."""
    key, keys = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    message, body = folder / "message", folder / "body"
    async with AsyncExitStack() as stack:
        starter = Starter(stack, folder)
        (store,) = find_free_ports(1)
        store_url = f"redis://{HOST}:{store}"
        starter.started["store"] = await stack.enter_async_context(run_valkey(folder, store))
        settings = _make_loyalty_settings(folder, key)
        trifft, quick_trifft, loyalty = await asyncio.gather(
            starter.start("trifft", "bench.trifft"),
            starter.start("quick_trifft", "bench.trifft", str(QUICK_CALL_S)),
            starter.start("loyalty_service", "loyalty_service", settings=settings),
        )
        sharing = settings | {"LOYALTY_SNAPSHOTS_URL": store_url}
        shared_service = await starter.start("shared_service", "loyalty_service", settings=sharing)
        target = f"{HOST}:{loyalty}"
        quick_url = f"http://{HOST}:{quick_trifft}"
        await starter.run("seed", "bench.seed", target, key, str(message), f"http://{HOST}:{trifft}", quick_url)
        gateway = _make_gateway_settings(folder, keys, target, key)
        credential, quick_credential = await _install(gateway["GATEWAY_DATABASE_URL"], keys)
        sharing_gateway = gateway | _HELD_STALENESS | {"GATEWAY_LOYALTY_TARGET": f"{HOST}:{shared_service}"}
        held, live, shared, method, getting_method, chain_method, peer = await asyncio.gather(
            starter.start("held", "gateway", settings=gateway | _HELD_STALENESS),
            starter.start("live", "gateway", settings=gateway | _LIVE_STALENESS),
            starter.start("shared", "gateway", settings=sharing_gateway),
            starter.start("method", "bench.floors", "method", str(message)),
            starter.start("getting_method", "bench.floors", "getting", str(message), store_url),
            starter.start("chain_method", "bench.floors", "chain", str(message), quick_url),
            starter.start_peer("peer", quick_url, quick_credential),
        )
        body.write_bytes(
            await fetch(f"http://{HOST}:{held}{make_widget_path(credential, 'seed@bench.example')}", credential)
        )
        bare, relay, getting, chain = await asyncio.gather(
            starter.start("bare", "bench.floors", "bare", str(body)),
            starter.start("relay", "bench.floors", "relay", str(body), f"{HOST}:{method}"),
            starter.start("getting", "bench.floors", "relay", str(body), f"{HOST}:{getting_method}"),
            starter.start("chain", "bench.floors", "relay", str(body), f"{HOST}:{chain_method}"),
        )
        yield Stack(
            trifft=trifft,
            quick_trifft=quick_trifft,
            bare=bare,
            relay=relay,
            getting=getting,
            chain=chain,
            peer=peer,
            held=held,
            shared=shared,
            live=live,
            credential=credential,
            quick_credential=quick_credential,
            body=body.read_bytes(),
            workers=starter.started,
            folder=folder,
        )


async def fetch(url: str, credential: str = "") -> bytes:
    """Raises aiohttp.ClientError."""
    headers = {"Authorization": f"Bearer {credential}"}
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(url, headers=headers) as response:
        return await response.read()


def _make_loyalty_settings(folder: Path, key: str) -> dict[str, str]:
    return {
        "LOYALTY_LISTEN": f"{HOST}:0",
        "LOYALTY_DATABASE_URL": f"sqlite:///{folder / 'loyalty.db'}",
        "LOYALTY_SECRET_KEYS": key,
        "LOYALTY_API_KEY": key,
    }


def _make_gateway_settings(folder: Path, keys: str, target: str, key: str) -> dict[str, str]:
    return {
        "GATEWAY_LISTEN": f"{HOST}:0",
        "GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'gateway.db'}",
        "GATEWAY_SECRET_KEYS": keys,
        "GATEWAY_LOYALTY_TARGET": target,
        "GATEWAY_LOYALTY_KEY": key,
    }


async def install(store: InstallationStore, merchant_id: str, gorgias_url: str) -> str:
    """Add an installation as if it were installed in Gorgias; return its credential."""
    wanted = Target(
        gorgias_url=gorgias_url,
        gorgias_user="bench@bench.example",
        gorgias_key="bench",
        template="list",
        public_url=f"http://{HOST}",
    )
    await store.add(merchant_id, wanted)
    installation = await store.get(merchant_id)
    assert installation is not None  # noqa: S101 - it was added above
    return installation.credential


async def _install(database_url: str, keys: str) -> list[str]:
    async with open_database(database_url) as database:
        store = InstallationStore(database, SecretKeys((keys,)))
        return [await install(store, merchant_id, f"http://{HOST}") for merchant_id in (MERCHANT_ID, QUICK_MERCHANT_ID)]
