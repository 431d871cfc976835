"""A service that calls with a key of its own, and what it may do."""

import enum
from datetime import datetime

import msgspec


class Role(enum.IntEnum):
    """A higher role may do all that a lower one may."""

    READ = 1
    AWARD = 2
    ADMIN = 3


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """`merchant_id`: the only merchant that it may ask about; empty: all."""

    name: str
    role: Role
    merchant_id: str
    create_time: datetime
