"""The metrics of notes."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class OutboxMetrics:
    """The gauges count the database's rows, so they are the same in each process of a fleet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.written = Counter("gateway_notes_written", "Notes written into tickets.", ("kind",), registry=registry)
        self.failures = Counter("gateway_note_failures", "Notes that failed.", ("error",), registry=registry)
        self.failed = Gauge("gateway_notes_failed", "Notes that were given up.", registry=registry)
        self.open = Gauge("gateway_notes_open", "Awards that may still get a note.", registry=registry)
