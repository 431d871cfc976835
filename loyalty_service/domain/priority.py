"""The order in which requests get permits of the rate limiter."""

from enum import IntEnum


class Priority(IntEnum):
    """Lower goes first: an award that an agent waits for, then a ticket event, then reads that can wait."""

    AWARD = 0
    TICKET = 1
    BATCH = 2
