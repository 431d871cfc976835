"""Serves a process's metrics: /metrics in the text format of Prometheus."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

METRICS_ROUTE = "/metrics"


def render_metrics(registry: CollectorRegistry) -> web.Response:
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


@asynccontextmanager
async def serve_metrics(registry: CollectorRegistry, host: str, port: int) -> AsyncGenerator[int]:
    """Serve /metrics while the block runs. Yields the port. Raises OSError if it cannot listen."""

    async def handle(_request: web.Request) -> web.Response:
        return render_metrics(registry)

    app = web.Application()
    app.router.add_get(METRICS_ROUTE, handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
