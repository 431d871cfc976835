"""Tells whether a customer still exists: Gorgias deletes one that is merged into another."""

import enum
import re

import msgspec

# A merged customer's id answers 301, whose Location is the other customer's (assumed), or 404.
_LOCATION = re.compile(r".*/api/customers/([1-9][0-9]{0,17})/?")


class CustomerState(enum.Enum):
    """`THERE`: as before. `MOVED`: merged into another customer. `GONE`: deleted, or merged."""

    THERE = "there"
    MOVED = "moved"
    GONE = "gone"


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """`moved_to`: None if Gorgias does not say into which customer."""

    state: CustomerState
    moved_to: int | None = None


def parse_location(location: str) -> int | None:
    """The customer to whom a redirection leads; None: to no customer."""
    found = _LOCATION.fullmatch(location.strip())
    return int(found[1]) if found else None
