"""What is aimed at, and whether it was met."""

import msgspec


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    aim: str
    measured: float
    is_met: bool
