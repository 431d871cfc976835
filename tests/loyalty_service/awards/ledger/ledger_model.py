"""A model of the ledger in a few lines: a test compares the ledger with it."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from loyalty_service.awards.ledger.open import Opening
from loyalty_service.domain.award import AwardRequest
from loyalty_service.domain.limits import Limits

LIMITS = Limits(per_award=0, per_ticket=300, per_member_day=500, per_merchant_day=800, per_agent_day=450)
DOUBT, GIVEN = {"pending", "unknown"}, {"pending", "unknown", "applied"}


class Entry(msgspec.Struct):
    """An award, or a deduction, of the model. `attempts`: one opening each."""

    request: AwardRequest
    attempts: list[Opening]
    state: str = "pending"
    retryable: bool = False


class Model:
    """Numbers are places in `entries`, from 1. `answered`: other requests' awards that answered a request."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.answered: defaultdict[str, set[int]] = defaultdict(set)

    def find_reversal(self, number: int) -> int | None:
        found = [n for n, e in enumerate(self.entries, 1) if e.request.reverses == number and e.state in GIVEN]
        return found[0] if found else None

    def sum_points(self, **fields: str | bool) -> int:
        """Sum the points of all counting awards with these values."""
        counted = [
            entry
            for number, entry in enumerate(self.entries, 1)
            if entry.state in GIVEN
            and entry.request.reverses is None
            and not ((back := self.find_reversal(number)) and self.entries[back - 1].state == "applied")
        ]
        asked = [e for e in counted if all(getattr(e.request, name) == value for name, value in fields.items())]
        return sum(entry.request.points for entry in asked)

    def open(self, request: AwardRequest) -> str | int:
        """Return the number that answers, or the reason of the refusal. Negative: this award is to be sent."""
        own = [n for n, e in enumerate(self.entries, 1) if e.request.request_id == request.request_id]
        binding = sum(self._list_binding(own))  # at most one
        if binding and self._is_like(binding, request):
            return binding
        answers = self._list_binding(self.answered[request.request_id])
        if answer := max((n for n in answers if self._is_like(n, request)), default=0):
            return answer
        if binding:
            return "REQUEST_ID_REUSED"
        refused = sum(n for n in own if self._is_like(n, request))  # at most one
        if refused and not self.entries[refused - 1].retryable:
            return refused
        return self._find_there(request) or self._refuse(request) or -(refused or len(self.entries) + 1)

    def _list_binding(self, numbers: Iterable[int]) -> list[int]:
        return [number for number in numbers if self.entries[number - 1].state != "rejected"]

    def _find_there(self, request: AwardRequest) -> str | int | None:
        """Find an award that another request put on record. From now on it answers this request, too."""
        there = self._refuse_or_find_reversal(request) if request.reverses else self._find_repeat(request)
        if isinstance(there, int) and there:
            self.answered[request.request_id].add(there)
        return there

    def _refuse(self, request: AwardRequest) -> str | None:
        if any(e.request.member_id == request.member_id and e.state in DOUBT for e in self.entries):
            return "AWARD_IN_DOUBT"
        if request.reverses is None and self._is_beyond(request):
            return "LIMIT_EXCEEDED"
        return None

    def _is_like(self, number: int, request: AwardRequest) -> bool:
        return _content(self.entries[number - 1].request) == _content(request)

    def _find_repeat(self, request: AwardRequest) -> int:
        like = [
            number
            for number, entry in enumerate(self.entries, 1)
            if request.ticket_id
            and entry.state in GIVEN
            and entry.request.reverses is None
            and _content(entry.request) == _content(request)
            and not self.find_reversal(number)
        ]
        return max(like, default=0)

    def _refuse_or_find_reversal(self, request: AwardRequest) -> str | int | None:
        original = self.entries[(request.reverses or 0) - 1]
        if original.state != "applied" or original.request.reverses is not None:
            return "AWARD_STATE"
        return self.find_reversal(request.reverses or 0)

    def _is_beyond(self, request: AwardRequest) -> bool:
        way = {"is_debit": request.is_debit}  # awards and deductions are counted apart
        left = [800 - self.sum_points(**way), 500 - self.sum_points(**way, member_id=request.member_id)]
        left.append(450 - self.sum_points(**way, agent_key=request.agent_key))
        if request.ticket_id:
            left.append(300 - self.sum_points(**way, ticket_id=request.ticket_id))
        return request.points > min(left)


def _content(request: AwardRequest) -> tuple[object, ...]:
    if request.reverses is not None:
        return (request.reverses,)
    return (request.member_id, request.points, request.is_debit, request.ticket_id)
