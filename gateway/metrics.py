"""What the gateway counts. Labels are ours and few; nobody and no shop is named in one."""

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram

# Where the widget's promise (2 s) and Gorgias' patience (4 s for an action) lie.
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
        self.widgets = Counter("gateway_widgets", "Widgets by what they said.", ("status",), registry=self.registry)
        self.actions = Counter(
            "gateway_actions", "Actions by what came of them.", ("action", "status"), registry=self.registry
        )
        self.webhooks = Counter(
            "gateway_webhooks", "Webhooks by what came of them.", ("outcome",), registry=self.registry
        )


METRICS = web.AppKey("metrics", Metrics)
