"""`python -m gateway`: serves until SIGTERM or SIGINT, then drains for at most 8 s."""

import asyncio
import gc
import os
import signal
import sys

import structlog
import uvloop
from aiohttp import web

from gateway.app import create_app
from gateway.config import Config
from gateway.http.connection import HEAD_TIMEOUT_S, Connection
from runtime.database import DatabaseError
from runtime.encryption import SecretKeyError
from runtime.logs import configure_logs
from runtime.settings import ConfigError, Listen

DRAIN_S = 8.0
# A customer's e-mail or name of 3,000 percent-encoded characters must still get the widget's 200.
_MAX_LINE_BYTES = 64 * 1024
_BACKLOG = 1024
_KEEPALIVE_S = 75.0
_EXIT_SETTINGS = 2


def main() -> int:
    """Return 0 after a signal; 2, with one line, if a setting must change."""
    try:
        config = Config.from_env(os.environ)
        configure_logs(config.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config))
    except SecretKeyError as error:
        print(f"gateway: GATEWAY_SECRET_KEYS {error}", file=sys.stderr)  # noqa: T201 - the line that an operator reads
        return _EXIT_SETTINGS
    except (ConfigError, DatabaseError) as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201 - the line that an operator reads
        return _EXIT_SETTINGS
    return 0


async def serve(config: Config) -> None:
    """Raises ConfigError, DatabaseError and SecretKeyError before it listens."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    runner = make_runner(create_app(config))
    try:
        await runner.setup()
        server = await listen(runner, config.listen)
        gc.collect()
        gc.freeze()  # objects from the start stay alive: later collections need not walk them
        structlog.get_logger().info("listening", listen="{}:{}".format(*server.sockets[0].getsockname()))
        await stop.wait()
        server.close()
    finally:
        await runner.cleanup()


def make_runner(app: web.Application) -> web.AppRunner:
    """Make the runner that serves the gateway, also in tests."""
    return web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_S)


async def listen(runner: web.AppRunner, at: Listen, *, head_timeout_s: float = HEAD_TIMEOUT_S) -> asyncio.Server:
    """Raises ConfigError if the address cannot be used."""
    server = runner.server
    if server is None:
        raise RuntimeError("the runner is not set up")
    loop = asyncio.get_running_loop()

    def connect() -> Connection:
        return Connection(
            server,
            head_timeout_s=head_timeout_s,
            loop=loop,
            access_log=None,
            keepalive_timeout=_KEEPALIVE_S,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
        )

    try:
        return await loop.create_server(
            connect, at.host, at.port, backlog=_BACKLOG, reuse_port=False, reuse_address=True
        )
    except OSError as error:
        reason = error.strerror or "no such address"
        raise ConfigError(f"GATEWAY_LISTEN: cannot listen on {at} ({reason}): set another one") from None


if __name__ == "__main__":
    sys.exit(main())
