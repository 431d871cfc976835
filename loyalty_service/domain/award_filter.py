"""A search for awards, and sums of awards."""

import enum
from datetime import datetime

import msgspec

from loyalty_service.domain.award import AwardState


class AwardFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions that an award must meet. A field that is not set allows all.

    Last tried at or after `from_time`, before `before_time`. `claimed_agent`: the whole claimed e-mail or name; ASCII
    case does not matter. `member_support_id`: the whole ID as kept with the award; ASCII case does not matter.
    `needs_person`: only awards that wait for a person.
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
    """By claimed agent, by the shop's reason, by its day of the last try, by ISO week, by member, by IdentifiedBy."""

    AGENT = "agent"
    REASON = "reason"
    DAY = "day"
    WEEK = "week"
    MEMBER = "member"
    IDENTIFIED_BY = "identified_by"


class AwardSum(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one group of awards. A reversal counts in its award's group.

    `key`: empty where the awards name none. `award_count` and `points`: of APPLIED awards, without reversals;
    `reversed_points`: the part of `points` that was taken back. `removed_points`: of APPLIED deductions, without the
    points that were given back. `in_doubt_points`: of all that is PENDING or UNKNOWN, deductions and reversals
    included. `member_support_id`: of a member, as one of their awards names it.
    """

    key: str
    award_count: int
    points: int
    reversed_points: int
    in_doubt_points: int
    removed_points: int
    member_support_id: str = ""
