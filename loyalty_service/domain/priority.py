"""Who goes first where the provider allows only so many requests."""

from enum import IntEnum


class Priority(IntEnum):
    """Lower goes first: an award that somebody waits for, a ticket event, and what can be read later as well."""

    AWARD = 0
    TICKET = 1
    BATCH = 2
