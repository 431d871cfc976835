"""`python -m gateway`: serves until SIGTERM or SIGINT, then drains for at most 8 s."""

import asyncio
import os
import signal
import sys

import structlog
import uvloop
from aiohttp import web

from gateway.app import create_app
from gateway.config import Config, ConfigError
from gateway.database import DatabaseError
from gateway.logs import configure_logs

DRAIN_S = 8.0
# A customer's name of 3,000 characters, percent-encoded, must still reach the widget's 200.
_MAX_LINE_BYTES = 64 * 1024
_BACKLOG = 1024
_KEEPALIVE_S = 75.0
_EXIT_SETTINGS = 2


def main() -> int:
    """0 after a signal; 2 with one line where a setting has to change."""
    try:
        config = Config.from_env(os.environ)
        configure_logs(config.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config))
    except (ConfigError, DatabaseError) as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201 - the line that an operator reads
        return _EXIT_SETTINGS
    return 0


async def serve(config: Config) -> None:
    """Raises ConfigError and DatabaseError before it listens."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    runner = web.AppRunner(
        create_app(config),
        access_log=None,
        keepalive_timeout=_KEEPALIVE_S,
        max_line_size=_MAX_LINE_BYTES,
        max_field_size=_MAX_LINE_BYTES,
        shutdown_timeout=DRAIN_S,
    )
    try:
        await runner.setup()
        await _listen(runner, config)
        await stop.wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, config: Config) -> None:
    host, port = config.listen.host, config.listen.port
    site = web.TCPSite(runner, host, port, backlog=_BACKLOG, reuse_port=False)
    try:
        await site.start()
    except OSError as error:
        raise ConfigError(
            f"GATEWAY_LISTEN: cannot listen on {host}:{port} ({error.strerror}): set another one"
        ) from None
    structlog.get_logger().info("listening", listen=f"{host}:{runner.addresses[0][1]}")


if __name__ == "__main__":
    sys.exit(main())
