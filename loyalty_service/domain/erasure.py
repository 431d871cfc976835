"""Erasing a person: which of their awards get a pseudonym, and which must keep the member for a while."""

import enum
from datetime import datetime

import msgspec

# The beginning of each pseudonym.
PSEUDONYM_PREFIX = "erased-"


class KeptReason(enum.Enum):
    """Why an award still needs its member.

    IN_DOUBT: it is PENDING or UNKNOWN, or reconciliation still looks for it. BESIDE_DOUBT: another award of the member
    is in doubt, and reconciliation needs this one to tell their movements apart. REVERSIBLE: it can be taken back.
    """

    IN_DOUBT = "in_doubt"
    BESIDE_DOUBT = "beside_doubt"
    REVERSIBLE = "reversible"


class KeptAward(msgspec.Struct, frozen=True, kw_only=True):
    """`until`: when the reason ends; None: not known."""

    number: int
    why: KeptReason
    until: datetime | None = None


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """`pseudonym`: replaces the member in `award_count` awards; empty where there were none."""

    pseudonym: str = ""
    award_count: int = 0
    kept: tuple[KeptAward, ...] = ()
