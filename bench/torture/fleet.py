"""The processes under torture: started on fixed ports, killed without warning, started again."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet

from bench.process import HOST, Process, run_process

_START_S = 60.0
_POLL_S = 0.05
# Long enough to give some awards between two kills, short enough that every stage of an award meets one.
KILL_PAUSE_S = (2.0, 6.0)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process: what it runs, with which settings, on which port."""

    name: str
    module: str
    port: int
    settings: Mapping[str, str]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All parts, and what opens them."""

    loyalty: tuple[Part, ...]
    gateways: tuple[Part, ...]
    loyalty_key: str
    gateway_keys: str

    @property
    def gateway_database_url(self) -> str:
        return self.gateways[0].settings["GATEWAY_DATABASE_URL"]

    @property
    def loyalty_target(self) -> str:
        return f"ipv4:{','.join(f'{HOST}:{part.port}' for part in self.loyalty)}"


def make_plan(loyalty_database_url: str, gateway_database_url: str, *, replicas: int) -> Plan:
    """`replicas` of each process, on ports that are free now."""
    loyalty_key, gateway_keys = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    ports = iter(_find_free_ports(2 * replicas))
    loyalty = tuple(
        Part(
            name=f"loyalty-{number}",
            module="loyalty_service",
            port=(port := next(ports)),
            settings={
                "LOYALTY_LISTEN": f"{HOST}:{port}",
                "LOYALTY_DATABASE_URL": loyalty_database_url,
                "LOYALTY_SECRET_KEYS": loyalty_key,
                "LOYALTY_API_KEY": loyalty_key,
                "LOYALTY_AWARD_TIMEOUT_S": "3",
                "LOYALTY_AWARD_ANSWER_S": "1.5",
            },
        )
        for number in range(replicas)
    )
    target = f"ipv4:{','.join(f'{HOST}:{part.port}' for part in loyalty)}"
    gateways = tuple(
        Part(
            name=f"gateway-{number}",
            module="gateway",
            port=(port := next(ports)),
            settings={
                "GATEWAY_LISTEN": f"{HOST}:{port}",
                "GATEWAY_DATABASE_URL": gateway_database_url,
                "GATEWAY_SECRET_KEYS": gateway_keys,
                "GATEWAY_LOYALTY_TARGET": target,
                "GATEWAY_LOYALTY_KEY": loyalty_key,
                "GATEWAY_ACTIONS_PER_MINUTE": "1000000",
                # No real account would take so many tickets looked up.
                "GATEWAY_GORGIAS_REQUESTS": "1000000",
            },
        )
        for number in range(replicas)
    )
    return Plan(loyalty=loyalty, gateways=gateways, loyalty_key=loyalty_key, gateway_keys=gateway_keys)


class Fleet:
    """Running parts by name. `kills`: how many were killed."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.kills = 0
        self._folder = folder
        self._running: dict[str, tuple[AsyncExitStack, Process]] = {}

    async def start(self, part: Part) -> None:
        """Until it listens. Raises ProcessError."""
        stack = AsyncExitStack()
        log = self._folder / f"{part.name}-{self.kills}.log"
        process = await stack.enter_async_context(run_process(log, part.module, settings=part.settings))
        self._running[part.name] = stack, process
        await process.wait_for_line("listening")

    async def kill(self, part: Part) -> None:
        """SIGKILL: no last words, no transaction ended."""
        stack, process = self._running.pop(part.name)
        await process.kill()
        self.kills += 1
        await stack.aclose()

    async def stop(self) -> None:
        for stack, _ in self._running.values():
            await stack.aclose()

    async def kill_at_random(self, chance: random.Random) -> None:
        """Until cancelled: a random part every few seconds. Cancelled, it ends when all parts run again."""
        parts = (*self.plan.loyalty, *self.plan.gateways)
        while True:
            await asyncio.sleep(chance.uniform(*KILL_PAUSE_S))
            part = chance.choice(parts)
            restarting = asyncio.ensure_future(self._restart(part))
            try:
                await asyncio.shield(restarting)
            finally:
                await restarting

    async def _restart(self, part: Part) -> None:
        await self.kill(part)
        await self.start(part)


@asynccontextmanager
async def run_fleet(plan: Plan, folder: Path) -> AsyncIterator[Fleet]:
    """Raises ProcessError."""
    fleet = Fleet(plan, folder)
    try:
        for part in (*plan.loyalty, *plan.gateways):
            await fleet.start(part)
        yield fleet
    finally:
        await fleet.stop()


def _find_free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
