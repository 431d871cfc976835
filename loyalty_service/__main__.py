"""`python -m loyalty_service`: runs until SIGTERM or SIGINT, then drains and exits."""

import asyncio
import gc
import os
import signal
import sys

import uvloop

from loyalty_service.config import Config
from loyalty_service.metrics import Metrics
from loyalty_service.server import open_shared_store, serve
from loyalty_service.trifft.client import TrifftProvider
from runtime.clock import SystemClock
from runtime.database import DatabaseError
from runtime.logs import configure_logs
from runtime.settings import ConfigError


async def run(config: Config) -> None:
    """Serve until a signal comes. Raises ConfigError and DatabaseError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock, metrics = SystemClock(), Metrics()
    async with (
        open_shared_store(config, clock, metrics) as valkey,
        TrifftProvider(
            clock, metrics=metrics, valkey=valkey, replicas=config.replicas, proxy=config.http_proxy
        ) as provider,
        serve(config, provider, clock, valkey, metrics),
    ):
        gc.collect()
        gc.freeze()  # objects from the start stay alive: later collections need not walk them
        await stop.wait()


def main() -> int:
    try:
        config = Config.from_env(os.environ)
        configure_logs(config.log_level)
        uvloop.run(run(config))
    except (ConfigError, DatabaseError) as error:
        sys.stderr.write(f"loyalty_service: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
