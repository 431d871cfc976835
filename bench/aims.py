"""The aims, and whether they were met."""

import msgspec


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    aim: str
    measured: float
    is_met: bool
