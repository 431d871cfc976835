"""What was observed of one shop."""

from loyalty_service.domain.member import Member, MemberStatus
from loyalty_service.domain.ports import Clock
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.answers import FORBIDDEN, Refusal, explain_contract
from loyalty_service.trifft.observations.evidence import Evidence
from loyalty_service.trifft.observations.lines import LineCounts
from loyalty_service.trifft.observations.operations import OPERATIONS, Operation
from loyalty_service.trifft.observations.statuses import UnknownStatuses
from loyalty_service.trifft.profile import Profile
from loyalty_service.trifft.wire import WireError

# Answers to requests that fit: 402 refuses a booking that is valid.
_RIGHT = {402, 429}


class Observed:
    """Of one shop with one URL, token and profile."""

    def __init__(self, merchant_id: str, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self.since_time = clock.now()
        self.lines = LineCounts(merchant_id, clock, metrics)
        self.statuses = UnknownStatuses()
        self.operations = {name: Operation() for name in OPERATIONS}
        self.errors, self.roles, self.scale = Evidence(), Evidence(), Evidence()

    def accept(self, operation: str) -> None:
        """Note a 2xx, whatever is in it."""
        self.operations[operation].accept(self._clock.now())

    def confirm(self, operation: str) -> None:
        """Note that an answer could be read."""
        one = self.operations[operation]
        one.evidence.confirm(one.accept_time or self._clock.now())

    def contradict(self, operation: str, problem: str) -> None:
        """Note an answer that does not fit the profile."""
        self.operations[operation].evidence.contradict(problem, self._clock.now())

    def refuse(self, refusal: Refusal, profile: Profile) -> None:
        """Note an answer that is no 2xx."""
        one, now = self.operations[refusal.operation], self._clock.now()
        self._note_form(refusal, profile)
        problem = explain_contract(profile, refusal.operation, WireError(f"HTTP {refusal.status}"))
        if refusal.is_failure:
            one.fail(now)
        elif refusal.is_of_token:
            one.refuse(refusal, now)
        elif refusal.may_be_of_member:
            one.evidence.miss(problem, now)
        elif refusal.status not in _RIGHT:
            one.evidence.contradict(problem, now)

    def fail(self, operation: str) -> None:
        """Note that no answer came, or a 5xx."""
        self.operations[operation].fail(self._clock.now())

    def note_member(self, member: Member) -> None:
        if member.status is MemberStatus.UNKNOWN and member.status_word:
            self.statuses.note(member.status_word)

    def note_booking(self, problem: str) -> None:
        """Note a receipt. `problem`: how its points differ from those that were sent; empty: they do not."""
        if problem:
            self.scale.contradict(problem, self._clock.now())
        else:
            self.scale = Evidence()

    def _note_form(self, refusal: Refusal, profile: Profile) -> None:
        """What a refusal in JSON says of the form of errors. A page of some proxy's says nothing."""
        now = self._clock.now()
        if refusal.has_message is None:
            return
        if refusal.has_message:
            self.errors.confirm(now)
        elif not refusal.is_failure:  # a proxy may answer 5xx in a JSON of its own
            self.errors.contradict(f"{profile.quote_line('error.message')} found nothing in HTTP {refusal.status}", now)
        if refusal.missing_role:
            self.roles.confirm(now)
        elif refusal.status == FORBIDDEN:
            self.roles.contradict(f"{profile.quote_line('error.message')} named no role in HTTP {FORBIDDEN}", now)
