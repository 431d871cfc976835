"""The last events of one shop's widget and webhook, as its installation keeps them."""

from datetime import datetime

import msgspec

# Names for a webhook that could not be read, and for one that changes nothing in a sidebar.
MALFORMED, IGNORED = "malformed", "ignored"


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """None: nothing new of that kind. `error`: a reason, or "REASON: message"; it names no person."""

    event_time: datetime | None = None
    status: str | None = None
    error_time: datetime | None = None
    error: str | None = None
    webhook_time: datetime | None = None
    webhook: str | None = None
