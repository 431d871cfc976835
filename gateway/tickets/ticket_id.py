"""The number of a ticket, as a button brings it."""

import re

# Gorgias numbers its tickets. Other spellings of a number are refused: each would be a ticket of its own to the limits.
_TICKET_ID = re.compile(r"[1-9][0-9]{0,17}")


def parse_ticket_id(text: str) -> int | None:
    """None: no ticket can have this number."""
    return int(text) if _TICKET_ID.fullmatch(text) else None
