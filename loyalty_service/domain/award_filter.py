"""Which awards are looked for, and what they come to."""

import enum
from datetime import datetime

import msgspec

from loyalty_service.domain.award import AwardState


class AwardFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What an award must be to be looked at; what is not set allows all.

    Last tried at or after `from_time`, before `before_time`. `claimed_agent`: e-mail or name as claimed, whole, but for
    ASCII case. `member_support_id`: likewise, as kept with the award. `needs_person`: only those that wait for one.
    """

    from_time: datetime | None = None
    before_time: datetime | None = None
    claimed_agent: str = ""
    member_id: str = ""
    member_support_id: str = ""
    ticket_id: str = ""
    states: frozenset[AwardState] = frozenset()
    needs_person: bool = False


class AwardGrouping(enum.Enum):
    """By claimed agent, by the shop's reason, or by the shop's day on which it was sent."""

    AGENT = "agent"
    REASON = "reason"
    DAY = "day"


class AwardSum(msgspec.Struct, frozen=True, kw_only=True):
    """What the awards of one agent, reason or day come to. A reversal counts with what it takes back.

    `key` may be empty: none was named. `award_count` and `points`: of awards that are APPLIED, reversals not counted;
    `reversed_points`: of those, taken back. `removed_points`: of deductions that are APPLIED, without what was given
    back. `in_doubt_points`: of what is PENDING or UNKNOWN, deductions and reversals counted.
    """

    key: str
    award_count: int
    points: int
    reversed_points: int
    in_doubt_points: int
    removed_points: int
