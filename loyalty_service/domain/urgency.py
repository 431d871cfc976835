"""Who goes first where the provider allows only so many requests."""

from collections.abc import Callable
from enum import IntEnum


class Urgency(IntEnum):
    """Lower goes first: an award that somebody waits for, a ticket event, and what can be read later as well."""

    AWARD = 0
    TICKET = 1
    BATCH = 2


class Ask:
    """How urgent a read is. Whoever joins it while it waits may make it more urgent, never less."""

    def __init__(self, urgency: Urgency) -> None:
        self.urgency = urgency
        self.on_lift: Callable[[], None] | None = None

    def lift(self, urgency: Urgency) -> None:
        if urgency >= self.urgency:
            return
        self.urgency = urgency
        if self.on_lift is not None:
            self.on_lift()
