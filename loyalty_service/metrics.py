"""What the service counts. Labels are ours and few; nobody and no shop is named in one."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from loyalty_service.domain.award import Award


class SnapshotMetrics:
    """How readers of snapshots were answered: `held`, `fetched` for them, `stale` since the provider failed, or `none`.

    `joined`: waits for a flight that another reader had begun.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        answers = Counter(
            "loyalty_snapshot_answers", "Readers of snapshots by how they were answered.", ("kind",), registry=registry
        )
        self.held, self.fetched = answers.labels("held"), answers.labels("fetched")
        self.stale, self.none = answers.labels("stale"), answers.labels("none")
        self.joined = Counter(
            "loyalty_snapshot_flights_joined",
            "Waits of readers for a read of TRIFFT that had been begun for another.",
            registry=registry,
        )
        self._failures = Counter(
            "loyalty_snapshot_store_failures",
            "Calls of the shared store that failed, by how.",
            ("kind",),
            registry=registry,
        )
        self._registry = registry

    def count_failure(self, kind: str) -> None:
        """`kind`: a word of `name_failure`."""
        self._failures.labels(kind).inc()

    def show_entries(self, count: Callable[[], int]) -> None:
        """Show how many entries this process holds, two for a member found by e-mail; asked when it is looked at."""
        gauge = Gauge("loyalty_snapshot_entries", "Entries held in this process.", registry=self._registry)
        gauge.set_function(count)


class Metrics:
    """One registry per server, so that two servers in one process do not share counts.

    Counters are of this process, and so are the gauges of the provider; those of awards are of the database, the same
    in each process that shares it.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.snapshots = SnapshotMetrics(self.registry)
        self._awards = Counter(
            "loyalty_awards", "Awards by the state they came to.", ("kind", "outcome"), registry=self.registry
        )
        self.seen_late = Counter(
            "loyalty_awards_seen_late",
            "Awards taken for not applied whose points turned up after all.",
            registry=self.registry,
        )
        self._unknown = Gauge("loyalty_awards_unknown", "Awards whose outcome is not known.", registry=self.registry)
        self._waiting_for_person = Gauge(
            "loyalty_awards_waiting_for_person", "Unknown awards that a person has to settle.", registry=self.registry
        )
        self._oldest_unknown_s = Gauge(
            "loyalty_awards_oldest_unknown_seconds",
            "How long ago the oldest unknown award was sent; 0 without one.",
            registry=self.registry,
        )

        self.budget_used = Counter(
            "loyalty_budget_used", "Requests sent to TRIFFT, by urgency.", ("urgency",), registry=self.registry
        )
        self.budget_refused = Counter(
            "loyalty_budget_refused",
            "Reads and awards that had no permit in time, by urgency.",
            ("urgency",),
            registry=self.registry,
        )
        self.provider_retries = Counter(
            "loyalty_provider_retries", "Requests of reads that were sent again.", registry=self.registry
        )
        self.provider_throttled = Counter(
            "loyalty_provider_throttled", "Answers 429 of TRIFFT.", registry=self.registry
        )
        self.unreadable_fields = Counter(
            "loyalty_provider_unreadable_fields",
            "Fields of TRIFFT's that could not be read, by the line of the wire profile.",
            ("line",),
            registry=self.registry,
        )
        self._tokens_closed = Gauge(
            "loyalty_provider_tokens_closed", "Tokens that are closed after a 429.", registry=self.registry
        )
        self._breakers = Gauge(
            "loyalty_provider_breakers",
            "Shops whose TRIFFT fails: not asked (open), or asked by one (half_open).",
            ("state",),
            registry=self.registry,
        )

    def count(self, award: Award) -> None:
        """Count an award, a deduction or a reversal that has come to another state than PENDING."""
        kind = "deduction" if award.request.is_debit else "award"
        if award.request.reverses is not None:
            kind = "reversal"
        self._awards.labels(kind, award.state.value).inc()

    def show_unknown(self, unknown: int, waiting_for_person: int, oldest_s: float) -> None:
        """What the ledger has of awards that are not settled; `oldest_s` ago the oldest was sent."""
        self._unknown.set(unknown)
        self._waiting_for_person.set(waiting_for_person)
        self._oldest_unknown_s.set(oldest_s)

    def watch_provider(self, *, count_breakers: Callable[[], tuple[int, int]], count_closed: Callable[[], int]) -> None:
        """Where to look, whenever the metrics are read, for breakers that are open and half-open, and closed tokens."""
        self._breakers.labels("open").set_function(lambda: count_breakers()[0])
        self._breakers.labels("half_open").set_function(lambda: count_breakers()[1])
        self._tokens_closed.set_function(count_closed)
