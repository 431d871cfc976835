"""The demo members' bookings, and those that wait."""

import uuid
from decimal import Decimal

from sandbox.trifft.member import Movement

_END_OF_OCTOBER = 1793268000  # 29 Oct 2026
_DAY_S = 86400


def make_jana_movements() -> list[Movement]:
    return [
        _make("order-999", 40, 0, "Order 999"),
        _make("coffee", -60, 5, "Coffee for points"),
        _make("order-1001", 100, 14, "Order 1001"),
    ]


def make_waiting_movements() -> list[Movement]:
    return [_make("order-77", 50, 14, "Order 77", pending=True)]


def _make(name: str, change: int, day: int, note: str, *, pending: bool = False) -> Movement:
    """`day`: from 29 Oct 2026."""
    movement_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.demo.trifft.example"))
    created_at = _END_OF_OCTOBER + day * _DAY_S
    return Movement(id=movement_id, change=Decimal(change), created_at=created_at, note=note, pending=pending)
