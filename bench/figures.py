"""Samples → figures."""

from collections.abc import Sequence

from bench.load import Samples


def get_rate(samples: Samples) -> float:
    """Answers a second."""
    return len(samples.latencies_ms) / samples.seconds


def get_percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` of the values do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]
