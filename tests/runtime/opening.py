"""A process that opens the gateway's database, and ends."""

import asyncio
import sys

from gateway.database import open_database


def main() -> int:
    asyncio.run(_open(sys.argv[1]))
    return 0


async def _open(url: str) -> None:
    async with open_database(url):
        pass
