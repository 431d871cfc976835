"""The slots of one token, as one process knows them.

TRIFFT counts arrivals, we count sends. A request arrives between its sending and its answer, so its slot is busy from
before it is sent until a period after the answer: whatever is sent in that slot next arrives a period after it. Where
no answer came, the end of the request takes its place.
"""

import heapq

import msgspec

from loyalty_service.domain.priority import Priority

# TRIFFT's clock and ours may round differently.
MARGIN_S = 0.05
# A request that was given up may still lie somewhere on its way, unread.
UNANSWERED_S = 1.0
# Kept for awards; and what batch reads leave to ticket events. Of fewer slots, a tenth and a sixth.
AWARD_RESERVE = 2
TICKET_RESERVE = 8


class Busy(msgspec.Struct, frozen=True, kw_only=True):
    """Not to be had now. Not before `earliest_s` from now for certain; by `expected_s` if all are used that are taken.

    `is_refused`: not by our own count, but since the provider has refused with a 429. `is_cautious`: since it is not
    known what was sent to it of late.
    """

    earliest_s: float
    expected_s: float
    is_refused: bool = False
    is_cautious: bool = False


def get_limit(capacity: int, priority: Priority) -> int:
    """How many of `capacity` slots may be busy with one of this priority among them."""
    reserve = 0
    if priority is not Priority.AWARD:
        reserve += min(AWARD_RESERVE, capacity // 10)
    if priority is Priority.BATCH:
        reserve += min(TICKET_RESERVE, capacity // 6)
    return capacity - reserve


class Slots:
    """Times are of one monotonic clock, in seconds. Of a slot that is out: `until_s`, when it is over at the latest."""

    def __init__(self) -> None:
        self._unsent: dict[str, float] = {}
        self._sent: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []

    def count(self, now_s: float) -> int:
        """How many are busy."""
        while self._ends and self._ends[0][0] <= now_s:
            heapq.heappop(self._ends)
        return len(self._unsent) + len(self._sent) + len(self._ends)

    def find_obstacle(self, count: int, limit: int, now_s: float, period_s: float) -> Busy | None:
        """None: `count` may be taken without more than `limit` being busy."""
        over = self.count(now_s) + count - limit
        if over <= 0:
            return None
        sent_s = period_s + MARGIN_S  # at the least, even if the answer comes this instant
        return Busy(
            # What was taken and not sent may be given back at any moment.
            earliest_s=self._find_end(over - len(self._unsent), now_s, sent_s),
            expected_s=self._find_end(over, now_s, sent_s),
        )

    def take(self, ids: list[str], until_s: float) -> None:
        for slot_id in ids:
            self._unsent[slot_id] = until_s

    def send(self, slot_id: str) -> None:
        self._sent[slot_id] = self._unsent.pop(slot_id)

    def give_back(self, slot_id: str) -> None:
        """Nothing was sent."""
        self._unsent.pop(slot_id, None)
        self._sent.pop(slot_id, None)

    def end(self, slot_id: str, end_s: float) -> None:
        """The request is over; its slot is free from `end_s` on."""
        del self._sent[slot_id]
        heapq.heappush(self._ends, (end_s, slot_id))

    def list_out(self) -> list[tuple[str, float]]:
        """What was taken and is not over."""
        return [*self._unsent.items(), *self._sent.items()]

    def list_ends(self, now_s: float) -> list[tuple[str, float]]:
        """What is over and still busy."""
        return [(slot_id, end_s) for end_s, slot_id in self._ends if end_s > now_s]

    def _find_end(self, place: int, now_s: float, sent_s: float) -> float:
        """Seconds until so many are free, of what is over and what is on its way."""
        if place <= 0:
            return 0.0
        if place > len(self._ends):
            return sent_s
        return min(sent_s, heapq.nsmallest(place, self._ends)[-1][0] - now_s)
