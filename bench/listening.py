"""The bench's own servers: on a free port, on uvloop, until SIGTERM."""

import asyncio
import signal

from aiohttp import web

from bench.process import HOST

# Served like the gateway, so that a floor differs only in its work.
_MAX_LINE_BYTES = 64 * 1024
_KEEPALIVE_S = 75.0
_BACKLOG = 1024


async def serve_http(app: web.Application) -> None:
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=_KEEPALIVE_S,
        max_line_size=_MAX_LINE_BYTES,
        max_field_size=_MAX_LINE_BYTES,
        shutdown_timeout=1.0,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, 0, backlog=_BACKLOG)
        await site.start()
        await announce(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def announce(port: int) -> None:
    """Print the address, in the form that our own processes use, and wait for SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(f"listening {HOST}:{port}", flush=True)
    await stop.wait()
