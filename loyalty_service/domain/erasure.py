"""A person who is to be forgotten: what of their awards goes, and what has to stay for a while."""

import enum
from datetime import datetime

import msgspec

# What a forgotten member's awards carry instead of the member begins so.
PSEUDONYM_PREFIX = "erased-"


class KeptReason(enum.Enum):
    """Why an award still needs its member.

    IN_DOUBT: it is PENDING or UNKNOWN, or looked for still. BESIDE_DOUBT: it tells whose movement is whose, while
    another of the member's is. REVERSIBLE: it can be taken back.
    """

    IN_DOUBT = "in_doubt"
    BESIDE_DOUBT = "beside_doubt"
    REVERSIBLE = "reversible"


class KeptAward(msgspec.Struct, frozen=True, kw_only=True):
    """`until`: when the reason has passed; None: not known."""

    number: int
    why: KeptReason
    until: datetime | None = None


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """`pseudonym`: what `award_count` awards carry now; empty where there were none."""

    pseudonym: str = ""
    award_count: int = 0
    kept: tuple[KeptAward, ...] = ()
