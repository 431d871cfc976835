"""`python -m sandbox`: listen until SIGTERM or SIGINT."""

import asyncio
import os
import signal
import sys

import msgspec
from aiohttp import web

from sandbox.app import create_app
from sandbox.config import Config, ConfigError

BAD_SETTING = 2
DRAIN_S = 1.0


def main() -> int:
    try:
        return asyncio.run(run(Config.from_env(os.environ)))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_SETTING


async def run(config: Config) -> int:
    """Serve until a signal comes. Raises ConfigError."""
    try:
        app = create_app(config)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"SANDBOX_STATE_FILE: {config.state_file} cannot be used: {error}") from error
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port, backlog=1024)
        await _listen(site, config)
        sys.stderr.write(f"sandbox listens on {site.name}\n")
        await stop.wait()
    finally:
        await runner.cleanup()
    return 0


async def _listen(site: web.TCPSite, config: Config) -> None:
    try:
        await site.start()
    except OSError as error:
        place = f"{config.host}:{config.port}"
        raise ConfigError(f"SANDBOX_LISTEN: cannot listen on {place}: {os.strerror(error.errno or 0)}") from error


if __name__ == "__main__":
    sys.exit(main())
