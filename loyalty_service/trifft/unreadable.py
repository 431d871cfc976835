"""Counts the provider's fields that could not be read, by merchant and line of its profile."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime

import msgspec
import structlog

from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock, UnreadableField
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.profile import Profile

# More merchants than one process is expected to serve; the most recent ones are kept.
MAX_MERCHANTS = 1000

_log = structlog.get_logger(__name__)


class _Count(msgspec.Struct, kw_only=True):
    count: int = 0
    last_time: datetime


class UnreadableFields:
    """Counted since this process started, or since the merchant's URL, token or profile changed."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._merchants: OrderedDict[tuple[str, str], dict[str, _Count]] = OrderedDict()

    def note(self, merchant: Merchant, lines: Mapping[str, int]) -> None:
        """Add the counts of one answer. `lines`: count by line of the profile."""
        if not lines:
            return
        key, now = _make_key(merchant), self._clock.now()
        counts = self._merchants.setdefault(key, {})
        self._merchants.move_to_end(key)
        for line, count in lines.items():
            if line not in counts:
                _log.warning("provider_field_unreadable", merchant_id=merchant.merchant_id, line=line)
            noted = counts.setdefault(line, _Count(last_time=now))
            noted.count += count
            noted.last_time = now
            self._metrics.unreadable_fields.labels(line).inc(count)
        while len(self._merchants) > MAX_MERCHANTS:
            self._merchants.popitem(last=False)

    def list(self, merchant: Merchant, profile: Profile) -> tuple[UnreadableField, ...]:
        """The most frequent first."""
        counts = self._merchants.get(_make_key(merchant), {})
        fields = [
            UnreadableField(
                profile_line=line, expression=profile.get_expression(line), count=noted.count, last_time=noted.last_time
            )
            for line, noted in counts.items()
        ]
        return tuple(sorted(fields, key=lambda field: (-field.count, field.profile_line)))


def _make_key(merchant: Merchant) -> tuple[str, str]:
    return merchant.merchant_id, merchant.generation
