"""Remembers the last refusal of each panel for a while: Gorgias may hide its text, so the next panel shows it.

Panels are told apart by their member; a panel without one, in which a customer can be linked, by its customer.

Only in this process's memory: other processes of a fleet do not know it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from aiohttp import web

from gateway.gorgias.variables import parse_variable

KEPT = timedelta(minutes=10)
# A temporary cause is not shown after this time. (An award being checked has its own row in the panel.)
KEPT_PASSING = timedelta(minutes=1)
_PASSING = frozenset({"AWARD_IN_DOUBT", "PROVIDER_THROTTLED", "RATE_LIMITED"})
CAPACITY = 10_000


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The refusal's text, with time and ticket. `agent`: the claimed name, never a whole address."""

    message: str
    time: datetime
    ticket_id: str = ""
    agent: str = ""
    kept: timedelta = KEPT


class LastRefusals:
    """At most one for each member, or customer, of a shop. The oldest go first, expired ones with the next one."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._refusals: dict[tuple[str, str], Refusal] = {}

    def put(self, merchant_id: str, whose: str, refusal: Refusal) -> None:
        self.drop(merchant_id, whose)
        self._refusals[merchant_id, whose] = refusal
        oldest = next(iter(self._refusals))
        while len(self._refusals) > self._capacity or refusal.time - self._refusals[oldest].time >= KEPT:
            del self._refusals[oldest]
            oldest = next(iter(self._refusals))

    def __len__(self) -> int:
        return len(self._refusals)

    def drop(self, merchant_id: str, whose: str) -> None:
        self._refusals.pop((merchant_id, whose), None)

    def find(self, merchant_id: str, whose: str, now: datetime) -> Refusal | None:
        refusal = self._refusals.get((merchant_id, whose))
        return refusal if refusal is not None and now - refusal.time < refusal.kept else None


def name_customer(customer_id: int) -> str:
    """Name the panel of a customer without a member. No member has such an id."""
    return f"customer {customer_id}"


def make_last_refusal(message: str, reason: str, parameters: Mapping[str, str], now: datetime) -> Refusal:
    """`reason`: the error's. `parameters`: as the button sent them, readable or not."""
    name, email, ticket_id = (parse_variable(parameters.get(key)) for key in ("agent_name", "agent_email", "ticket_id"))
    agent = name or (email or "").partition("@")[0]
    kept = KEPT_PASSING if reason in _PASSING else KEPT
    return Refusal(message=message, time=now, ticket_id=ticket_id or "", agent=agent, kept=kept)


REFUSALS = web.AppKey("refusals", LastRefusals)
