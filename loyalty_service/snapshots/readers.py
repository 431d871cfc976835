"""Who reads, what is held for them, and what answers them."""

import math

import msgspec

from loyalty_service.domain.errors import LoyaltyError, MemberAmbiguousError, MemberNotFoundError, ProviderError
from loyalty_service.domain.member import Identity
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots.entries import AliasEntry, MemberEntry, NobodyEntry
from loyalty_service.snapshots.flights import Outcome
from loyalty_service.snapshots.store import Moment, Reading


class Held(msgspec.Struct, frozen=True):
    """What is held for an identity, as of `begin_s` (the store's time); `remembered_member_id` is only a guess."""

    begin_s: float = -math.inf
    found: Snapshot | NobodyEntry | None = None
    remembered_member_id: str | None = None

    def make_outcome(self, identity: Identity) -> Outcome | None:
        """As if a flight had ended with it; None where nothing is held."""
        if self.found is None:
            return None
        result = self.found if isinstance(self.found, Snapshot) else make_error(self.found)
        return Outcome(identity=identity, begin=Moment(-math.inf, self.begin_s), result=result)


class Reader(msgspec.Struct, frozen=True):
    """One who arrived and is answered by what began at most `staleness_s` before that."""

    identity: Identity
    arrival: Moment
    staleness_s: float

    def takes_held(self, held: Held) -> bool:
        return held.begin_s >= self.arrival.there_s - self.staleness_s

    def takes(self, outcome: Outcome) -> bool:
        begin, arrival = outcome.begin, self.arrival
        if begin.here_s < arrival.here_s - self.staleness_s and begin.there_s < arrival.there_s - self.staleness_s:
            return False
        if outcome.is_overtaken and begin.here_s < arrival.here_s:
            return False
        if isinstance(outcome.result, ProviderError):
            return True
        asked, mine = outcome.identity, self.identity
        if (asked.kind, asked.key) == (mine.kind, mine.key):
            return not isinstance(outcome.result, MemberNotFoundError) or mine.value in asked.list_spellings()
        # It was for an alias of the member that is asked for, and may have found that this is somebody else's by now.
        return isinstance(outcome.result, Snapshot) and outcome.result.member.member_id == self.identity.value


def get_held(reading: Reading, identity: Identity) -> Held:
    """An alias that was learnt before its member was invalidated is only remembered."""
    match reading.entry:
        case MemberEntry(begin_s=begin_s, snapshot=snapshot):
            return Held(begin_s, snapshot, identity.value)
        case NobodyEntry(begin_s=begin_s) as nobody:
            return Held(begin_s, nobody) if nobody.answers(identity.value) else Held()
        case AliasEntry(begin_s=begin_s, member_id=member_id):
            member = reading.member
            if member is None or begin_s < member.since_s:
                return Held(remembered_member_id=member_id)
            return Held(min(begin_s, member.begin_s), member.snapshot, member_id)
        case None:
            return Held()


def make_error(nobody: NobodyEntry) -> LoyaltyError:
    if nobody.member_count:
        return MemberAmbiguousError(nobody.member_count, nobody.fetch_time)
    return MemberNotFoundError(nobody.fetch_time)
