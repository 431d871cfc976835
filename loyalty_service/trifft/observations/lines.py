"""Counts what each line of a shop's profile found in TRIFFT's answers, and judges the line by it."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import structlog

from loyalty_service.domain.findings import LineFinding, LineVerdict, UnreadableField
from loyalty_service.domain.ports import Clock
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.profile import Profile

# Counts are halved at so many answers, so that they tell of the last ones.
LATELY = 1000
# Fewer answers prove nothing: they may all be of one odd member.
FEWEST = 20
# A larger share of values that cannot be read is more than odd members.
ODD_SHARE = 0.1
_HALF = 0.5
# Agents cannot do without these: they find nothing for few members only.
NEEDED = frozenset(
    {
        *("member.email", "member.phone", "member.support_id", "member.full_name", "member.status"),
        *("member.points", "wallet.points", "wallet.wallet_id", "wallet.chosen"),
    }
)
# These find something for some members. All others rightly find nothing where a shop does not use them, or a member has
# none: a tier, a favourite location, segments, a coupon's end, value or code.
EXPECTED = frozenset({"member.join_time", "coupon.coupon_id", "coupon.display_name"})
# Only these are judged. Where a line of another section cannot be read, the whole answer cannot: see `contract`.
_JUDGED = ("member.", "wallet.", "coupon.", "credit.", "debit.")
# A line that says that TRIFFT has no such field.
_NONE = "`null`"

_log = structlog.get_logger(__name__)


class _Line(msgspec.Struct):
    """`all_unreadable`: how many values since the process started; the others count answers, lately."""

    read: int = 0
    empty: int = 0
    unreadable: int = 0
    all_unreadable: int = 0
    unreadable_time: datetime | None = None


class LineCounts:
    """Of one shop."""

    def __init__(self, merchant_id: str, clock: Clock, metrics: Metrics) -> None:
        self._merchant_id = merchant_id
        self._clock = clock
        self._metrics = metrics
        self._lines: dict[str, _Line] = {}

    def note(self, found: Mapping[str, bool], unreadable: Mapping[str, int]) -> None:
        """Add one answer. `found`: whether each line that was read found something. `unreadable`: count by line."""
        for name, is_found in found.items():
            line = self._lines.get(name)
            if line is None:
                line = self._lines[name] = _Line()
            line.read += 1
            if not is_found and name not in unreadable:
                line.empty += 1
            if line.read >= LATELY:
                line.read, line.empty, line.unreadable = line.read // 2, line.empty // 2, line.unreadable // 2
        if unreadable:
            self._note_unreadable(found, unreadable)

    def _note_unreadable(self, found: Mapping[str, bool], unreadable: Mapping[str, int]) -> None:
        now = self._clock.now()
        for name, count in unreadable.items():
            line = self._lines.setdefault(name, _Line())
            if not line.all_unreadable:
                _log.warning("provider_field_unreadable", merchant_id=self._merchant_id, line=name)
            line.read += name not in found
            line.unreadable += 1
            line.all_unreadable += count
            line.unreadable_time = now
            self._metrics.unreadable_fields.labels(name).inc(count)

    def has_found(self, *names: str) -> bool:
        """Whether each of the lines found something readable lately."""
        lines = [self._lines.get(name, _Line()) for name in names]
        return all(line.read > line.empty + line.unreadable for line in lines)

    def list(self, profile: Profile) -> tuple[LineFinding, ...]:
        return tuple(_make_finding(name, line, profile) for name, line in sorted(self._lines.items()))

    def list_unreadable(self, profile: Profile) -> tuple[UnreadableField, ...]:
        """The most frequent first."""
        fields = [
            UnreadableField(
                profile_line=name,
                expression=profile.get_expression(name),
                count=line.all_unreadable,
                last_time=line.unreadable_time,
            )
            for name, line in self._lines.items()
            if line.unreadable_time is not None
        ]
        return tuple(sorted(fields, key=lambda field: (-field.count, field.profile_line)))


def _make_finding(name: str, line: _Line, profile: Profile) -> LineFinding:
    expression = profile.get_expression(name)
    return LineFinding(
        profile_line=name,
        expression=expression,
        read_count=line.read,
        empty_count=line.empty,
        unreadable_count=line.unreadable,
        unreadable_time=line.unreadable_time,
        is_needed=name in NEEDED,
        verdict=LineVerdict.OK if expression == _NONE else _judge(name, line),
    )


def _judge(name: str, line: _Line) -> LineVerdict:
    if line.read < FEWEST or not name.startswith(_JUDGED):
        return LineVerdict.OK
    if line.unreadable > line.read * ODD_SHARE:
        return LineVerdict.UNREADABLE
    is_empty = line.empty > line.read * _HALF if name in NEEDED else line.empty == line.read and name in EXPECTED
    return LineVerdict.EMPTY if is_empty else LineVerdict.OK
