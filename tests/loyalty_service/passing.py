"""Time that passes at once for all that waits in the event loop."""

import asyncio


def let_loop_pass(seconds: float) -> None:
    """Whoever waits for less than that has waited. A short time-out would say the same of what was not sent yet."""
    loop = asyncio.get_running_loop()
    get_time = loop.time
    loop.time = lambda: get_time() + seconds  # type: ignore[method-assign]
