"""What is counted of notes."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class OutboxMetrics:
    """The gauges count the rows of the database, so each process of a fleet says the same."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.written = Counter("gateway_notes_written", "Notes written into tickets.", ("kind",), registry=registry)
        self.failures = Counter("gateway_note_failures", "Notes that failed.", ("error",), registry=registry)
        self.failed = Gauge("gateway_notes_failed", "Notes that were given up.", registry=registry)
        self.open = Gauge("gateway_notes_open", "Awards that may still get a note.", registry=registry)
