"""Time that passes at once for all that waits in the event loop."""

import asyncio


def let_loop_pass(seconds: float) -> None:
    """Whoever waits for less than that has waited. A short time-out would say the same of what was not sent yet."""
    loop = asyncio.get_running_loop()
    get_time = type(loop).time
    ahead_s = loop.time() - get_time(loop) + seconds
    loop.time = lambda: get_time(loop) + ahead_s  # type: ignore[method-assign]
