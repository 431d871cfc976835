"""The service's metrics. Labels have few values, and name no person and no shop."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from loyalty_service.domain.award import Award


class SnapshotMetrics:
    """Metrics of snapshots. Answers are `held`, `fetched`, `stale` (since the provider failed) or `none`.

    `joined`: readers that waited for another reader's flight.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        answers = Counter(
            "loyalty_snapshot_answers", "Readers of snapshots, by kind of answer.", ("kind",), registry=registry
        )
        self.held, self.fetched = answers.labels("held"), answers.labels("fetched")
        self.stale, self.none = answers.labels("stale"), answers.labels("none")
        self.joined = Counter(
            "loyalty_snapshot_flights_joined",
            "Readers that waited for a read of TRIFFT which another reader had begun.",
            registry=registry,
        )
        self._failures = Counter(
            "loyalty_snapshot_store_failures",
            "Failed calls of the shared store, by kind of failure.",
            ("kind",),
            registry=registry,
        )
        self._registry = registry

    def count_failure(self, kind: str) -> None:
        """`kind`: a word of `name_failure`."""
        self._failures.labels(kind).inc()

    def show_entries(self, count: Callable[[], int]) -> None:
        """Show the number of held entries (two for a member found by e-mail), computed when the metrics are read."""
        gauge = Gauge("loyalty_snapshot_entries", "Entries held in this process.", registry=self._registry)
        gauge.set_function(count)


class Metrics:
    """One registry per server, so that two servers in one process do not share counts.

    Counters and the provider's gauges are of this process. Gauges of awards come from the database, so they are the
    same in each process that shares it.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.snapshots = SnapshotMetrics(self.registry)
        self._awards = Counter(
            "loyalty_awards", "Awards, by their new state.", ("kind", "outcome"), registry=self.registry
        )
        self.seen_late = Counter(
            "loyalty_awards_seen_late",
            "Awards found not applied whose points turned up after all.",
            registry=self.registry,
        )
        self._refused_calls = Counter(
            "loyalty_calls_refused",
            "Calls refused to their caller: no_key, wrong_key, role (too low), shop (not the key's).",
            ("why",),
            registry=self.registry,
        )
        self._unknown = Gauge("loyalty_awards_unknown", "Awards whose outcome is not known.", registry=self.registry)
        self._waiting_for_person = Gauge(
            "loyalty_awards_waiting_for_person", "Unknown awards that a person must settle.", registry=self.registry
        )
        self._oldest_unknown_s = Gauge(
            "loyalty_awards_oldest_unknown_seconds",
            "Seconds since the oldest unknown award was sent; 0 without one.",
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
            "loyalty_provider_retries", "Retried requests of reads.", registry=self.registry
        )
        self.provider_throttled = Counter("loyalty_provider_throttled", "TRIFFT's 429 answers.", registry=self.registry)
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
            "Circuit breakers of shops that are open or half_open.",
            ("state",),
            registry=self.registry,
        )

    def count(self, award: Award) -> None:
        """Count an award, a deduction or a reversal that has left the state PENDING."""
        kind = "deduction" if award.request.is_debit else "award"
        if award.request.reverses is not None:
            kind = "reversal"
        self._awards.labels(kind, award.state.value).inc()

    def count_refused_call(self, why: str) -> None:
        """`why`: as Access names it."""
        self._refused_calls.labels(why).inc()

    def show_unknown(self, unknown: int, waiting_for_person: int, oldest_s: float) -> None:
        """Set the gauges of unknown awards; the oldest was sent `oldest_s` ago."""
        self._unknown.set(unknown)
        self._waiting_for_person.set(waiting_for_person)
        self._oldest_unknown_s.set(oldest_s)

    def watch_provider(self, *, count_breakers: Callable[[], tuple[int, int]], count_closed: Callable[[], int]) -> None:
        """Set the functions that count open and half-open breakers and closed tokens when the metrics are read."""
        self._breakers.labels("open").set_function(lambda: count_breakers()[0])
        self._breakers.labels("half_open").set_function(lambda: count_breakers()[1])
        self._tokens_closed.set_function(count_closed)
