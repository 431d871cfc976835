"""Waits for a condition, never for a time."""

import asyncio
from collections.abc import Awaitable, Callable

_PATIENCE_S = 30.0


async def wait_until(is_met: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition. Raises TimeoutError."""
    pause_s = 0.005
    async with asyncio.timeout(_PATIENCE_S):
        while not await is_met():
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.1)  # each check takes time from the work that is waited for
