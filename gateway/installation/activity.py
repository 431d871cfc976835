"""The last events of one shop's widget and webhook, as its installation keeps them."""

from datetime import datetime

import msgspec

# Names for a webhook that could not be read, and for one that changes nothing in a sidebar.
MALFORMED, IGNORED = "malformed", "ignored"


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """None: nothing new of that kind. `error`: a reason, or "REASON: message"; it names no person.

    `refused_count`: webhooks whose secret was missing or wrong, after the one of `webhook_time`.
    """

    event_time: datetime | None = None
    status: str | None = None
    error_time: datetime | None = None
    error: str | None = None
    webhook_time: datetime | None = None
    webhook: str | None = None
    refused_time: datetime | None = None
    refused_count: int = 0

    @property
    def is_claimed(self) -> bool:
        """Whether all of it is a stranger's claim: there may be no such shop."""
        return self.event_time is None and self.error_time is None and self.webhook_time is None

    def add(self, later: "Activity") -> "Activity":
        """Merge the two. The values of the later one win."""
        changes = {name: value for name, value in msgspec.structs.asdict(later).items() if value is not None}
        is_answered = later.webhook_time is not None
        changes["refused_count"] = later.refused_count + (0 if is_answered else self.refused_count)
        return msgspec.structs.replace(self, **changes)
