"""The gateway's metrics. Labels have few values, and name no person and no shop."""

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram

# The buckets include the widget's deadline (2 s) and the action's (4 s).
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.6, 2.0, 2.5, 4.0)


class Metrics:
    """One registry per app, so that two apps in one process do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gateway_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "gateway_request_seconds", "Time to answer.", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self.widgets = Counter("gateway_widgets", "Widget answers by status.", ("status",), registry=self.registry)
        self.actions = Counter("gateway_actions", "Actions by outcome.", ("action", "status"), registry=self.registry)
        self.webhooks = Counter("gateway_webhooks", "Webhooks by outcome.", ("outcome",), registry=self.registry)


METRICS = web.AppKey("metrics", Metrics)
