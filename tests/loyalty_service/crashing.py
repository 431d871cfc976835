"""Real processes of the service that a test kills."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc

from runtime.channels import DIRECT
from tests.forked import Forked, run_forked
from tests.loyalty_service.running import Client


class Process:
    """One running service."""

    def __init__(self, process: Forked) -> None:
        self._process = process
        self._draining: asyncio.Task[bytes] | None = None

    async def wait_for_address(self) -> str:
        """Wait until it listens; return the address. From then on its log is discarded."""
        async with asyncio.timeout(60):
            while (line := json.loads(await self._process.stderr.readline()))["event"] != "listening":
                pass
        self._draining = asyncio.create_task(self._process.stderr.read())
        return str(line["address"])

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        async with grpc.aio.insecure_channel(await self.wait_for_address(), options=DIRECT) as channel:
            yield Client(channel)

    def kill(self) -> None:
        self._process.kill()


@asynccontextmanager
async def running(settings: Mapping[str, str]) -> AsyncIterator[Process]:
    """Run the service as a forked process with faster reconciliation. It is killed at the end."""
    async with run_forked("tests.loyalty_service.hurried:main", env=settings) as process:
        yield Process(process)
