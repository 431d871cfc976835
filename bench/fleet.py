"""A fleet of both processes: started on fixed ports, killed without warning, started again."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet

from bench.process import HOST, Process, find_free_ports, run_process

# Long enough for some awards between two kills, short enough that kills meet every stage of an award.
KILL_PAUSE_S = (2.0, 6.0)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process: its module, settings and port."""

    name: str
    module: str
    port: int
    settings: Mapping[str, str]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All parts, and the keys and ports to reach them."""

    loyalty: tuple[Part, ...]
    gateways: tuple[Part, ...]
    loyalty_key: str
    gateway_keys: str

    @property
    def gateway_database_url(self) -> str:
        return self.gateways[0].settings["GATEWAY_DATABASE_URL"]

    @property
    def loyalty_target(self) -> str:
        return _make_target(self.loyalty)


def make_plan(
    loyalty_database_url: str,
    gateway_database_url: str,
    *,
    replicas: int,
    loyalty: Mapping[str, str],
    gateway: Mapping[str, str],
) -> Plan:
    """Plan `replicas` of each process on free ports, with the settings `loyalty` or `gateway`."""
    loyalty_key, gateway_keys = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    ports = iter(find_free_ports(3 * replicas))
    services = tuple(
        Part(
            name=f"loyalty-{number}",
            module="loyalty_service",
            port=(port := next(ports)),
            settings={
                "LOYALTY_LISTEN": f"{HOST}:{port}",
                "LOYALTY_METRICS_LISTEN": f"{HOST}:{next(ports)}",
                "LOYALTY_DATABASE_URL": loyalty_database_url,
                "LOYALTY_SECRET_KEYS": loyalty_key,
                "LOYALTY_API_KEY": loyalty_key,
                "LOYALTY_REPLICAS": str(replicas),
                **loyalty,
            },
        )
        for number in range(replicas)
    )
    gateways = tuple(
        Part(
            name=f"gateway-{number}",
            module="gateway",
            port=(port := next(ports)),
            settings={
                "GATEWAY_LISTEN": f"{HOST}:{port}",
                "GATEWAY_DATABASE_URL": gateway_database_url,
                "GATEWAY_SECRET_KEYS": gateway_keys,
                "GATEWAY_LOYALTY_TARGET": _make_target(services),
                "GATEWAY_LOYALTY_KEY": loyalty_key,
                **gateway,
            },
        )
        for number in range(replicas)
    )
    return Plan(loyalty=services, gateways=gateways, loyalty_key=loyalty_key, gateway_keys=gateway_keys)


class Fleet:
    """Running parts by name. `kills`: the number of kills."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.kills = 0
        self._folder = folder
        self._running: dict[str, tuple[AsyncExitStack, Process]] = {}

    async def start(self, part: Part) -> None:
        """Start a part and wait until it listens. Raises ProcessError."""
        stack = AsyncExitStack()
        log = self._folder / f"{part.name}-{self.kills}.log"
        process = await stack.enter_async_context(run_process(log, part.module, settings=part.settings))
        self._running[part.name] = stack, process
        await process.wait_for_line('"listening"')

    def get_process(self, part: Part) -> Process:
        return self._running[part.name][1]

    async def kill(self, part: Part) -> None:
        """SIGKILL: nothing is drained, and open transactions are lost."""
        stack, process = self._running.pop(part.name)
        await process.kill()
        self.kills += 1
        await stack.aclose()

    async def stop(self) -> None:
        for stack, _ in self._running.values():
            await stack.aclose()

    async def kill_at_random(self, chance: random.Random) -> None:
        """Kill and restart a random part every few seconds, until cancelled. Ends when all parts run again."""
        parts = (*self.plan.loyalty, *self.plan.gateways)
        while True:
            await asyncio.sleep(chance.uniform(*KILL_PAUSE_S))
            part = chance.choice(parts)
            restarting = asyncio.ensure_future(self.restart(part))
            try:
                await asyncio.shield(restarting)
            finally:
                await restarting

    async def restart(self, part: Part) -> None:
        """Kill it and start it again, on the same port. Raises ProcessError."""
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


def _make_target(services: tuple[Part, ...]) -> str:
    return f"ipv4:{','.join(f'{HOST}:{part.port}' for part in services)}"
