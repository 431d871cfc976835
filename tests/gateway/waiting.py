"""Waiting for a condition, never for a time."""

import asyncio
from collections.abc import Awaitable, Callable

_PATIENCE_S = 30.0


async def wait_until(is_met: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition. Raises TimeoutError."""
    async with asyncio.timeout(_PATIENCE_S):
        while not await is_met():  # noqa: ASYNC110 - other tasks, and other processes, set no event here
            await asyncio.sleep(0.01)
