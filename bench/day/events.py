"""The events of the simulated day: the same for the same seed.

The idle time between bursts is left out. One ticket update fires several triggers within a second; sometimes other
agents open the same customer meanwhile. A big shop's updates come in rushes, which use up its rate at TRIFFT.
"""

import random
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from bench.trifft import make_email, make_ticket_id

_BIG_EVERY = 10
_BIG_TIMES = 10
# The updates of one rush, and the seconds in which they come.
_RUSH = (1, 3), 3.0
_BIG_RUSH = (8, 30), 6.0
_TRIGGERS = (1, 4)
_BURST_S = 1.0
_COLLEAGUES_SHARE = 0.2
_COLLEAGUES = (2, 3)
_COLLEAGUES_S = 2.0
_REPEATED_SHARE = 0.1
# Shares of all requests.
_READER_SHARE, _BATCH_SHARE, _AWARD_SHARE = 0.15, 0.02, 0.02
_READER_KNOWS_SHARE = 0.8
_BATCH = (5, 20)
# An agent reads before clicking; the award's note fires the ticket's triggers again.
_CLICK_S, _NOTE_S = 1.5, 1.0


class Kind(StrEnum):
    TICKET = "ticket"
    READER = "reader"
    BATCH = "batch"
    AWARD = "award"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One request, `at_s` after the day began. `emails`: several for a batch, otherwise one."""

    at_s: float
    kind: Kind
    shop: str
    emails: list[str]
    ticket_id: str = ""


class DayScale(msgspec.Struct, frozen=True, kw_only=True):
    """`updates`: ticket updates of an ordinary shop; one shop in ten is big and has ten times as many."""

    shops: int = 200
    seconds: float = 180.0
    updates: int = 6
    replicas: int = 2
    seed: int = 1


QUICK_DAY = DayScale(shops=4, seconds=3.0, updates=1, replicas=1)


def make_day(scale: DayScale) -> list[Event]:
    """Make the events, in the order of time."""
    chance = random.Random(scale.seed)  # noqa: S311 - no secret
    events = [event for number in range(scale.shops) for event in _Shop(number, scale, chance).live()]
    return sorted(events, key=lambda event: event.at_s)


def is_big(shop: str) -> bool:
    return int(shop.rpartition("-")[2]) % _BIG_EVERY == 0


class _Shop:
    def __init__(self, number: int, scale: DayScale, chance: random.Random) -> None:
        self._name = f"shop-{number}"
        self._seconds = scale.seconds
        self._chance = chance
        self._updates = scale.updates * (_BIG_TIMES if is_big(self._name) else 1)
        self._rush, self._rush_s = _BIG_RUSH if is_big(self._name) else _RUSH
        self._customers = 0
        self._seen: list[int] = []

    def live(self) -> Iterator[Event]:
        """Make the rushes in the order of time, so that a returning customer has been here before."""
        times = sorted(time for rush in self._list_rushes() for time in rush)
        for number, at_s in enumerate(times, start=1):
            yield from self._update(at_s, number)

    def _list_rushes(self) -> Iterator[list[float]]:
        left = self._updates
        while left > 0:
            count = min(left, self._chance.randint(*self._rush))
            began_s = self._chance.uniform(0, max(0.0, self._seconds - self._rush_s))
            yield [began_s + self._chance.uniform(0, self._rush_s) for _ in range(count)]
            left -= count

    def _update(self, at_s: float, number: int) -> Iterator[Event]:
        """Make all events of one ticket update."""
        chance, customer = self._chance, self._pick_customer()
        email, ticket_id = make_email(self._name, customer), make_ticket_id(number, customer)
        triggers = chance.randint(*_TRIGGERS)
        times = [at_s, *(at_s + chance.uniform(0, _BURST_S) for _ in range(triggers - 1))]
        if chance.random() < _COLLEAGUES_SHARE:
            times += [at_s + chance.uniform(0, _COLLEAGUES_S) for _ in range(chance.randint(*_COLLEAGUES))]
        for time in times:
            yield self._make(Kind.TICKET, time, email, ticket_id=ticket_id)
        tickets_share = 1 - _READER_SHARE - _BATCH_SHARE - _AWARD_SHARE
        for _ in times:
            if chance.random() < _READER_SHARE / tickets_share:
                yield self._make(Kind.READER, at_s + chance.uniform(0, self._rush_s), self._pick_for_reader())
            if chance.random() < _BATCH_SHARE / tickets_share:
                emails = [self._pick_for_reader() for _ in range(chance.randint(*_BATCH))]
                yield self._make(Kind.BATCH, at_s + chance.uniform(0, self._rush_s), *emails)
            if chance.random() < _AWARD_SHARE / tickets_share:
                yield self._make(Kind.AWARD, at_s + _CLICK_S, email, ticket_id=ticket_id)
                yield self._make(Kind.TICKET, at_s + _CLICK_S + _NOTE_S, email, ticket_id=ticket_id)

    def _pick_customer(self) -> int:
        if self._seen and self._chance.random() < _REPEATED_SHARE:
            return self._chance.choice(self._seen)
        customer = self._make_customer()
        self._seen.append(customer)
        return customer

    def _pick_for_reader(self) -> str:
        is_known = self._seen and self._chance.random() < _READER_KNOWS_SHARE
        return make_email(self._name, self._chance.choice(self._seen) if is_known else self._make_customer())

    def _make_customer(self) -> int:
        self._customers += 1
        return self._customers

    def _make(self, kind: Kind, at_s: float, *emails: str, ticket_id: str = "") -> Event:
        at_s = min(at_s, self._seconds)
        return Event(at_s=at_s, kind=kind, shop=self._name, emails=list(emails), ticket_id=ticket_id)
