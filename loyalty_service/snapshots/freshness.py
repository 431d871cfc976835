"""How old an answer may be, and the held values that can be an answer."""

import math

import msgspec

from loyalty_service.domain.errors import MemberAmbiguousError, MemberNotFoundError
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots.entries import Alias, HeldMember, Nobody
from loyalty_service.snapshots.stores.protocol import Lookup


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """The freshness that a caller asks for, at `call_time_s` on this process's monotonic clock."""

    call_time_s: float
    max_staleness_s: float

    def allows(self, began_s: float) -> bool:
        """Whether a read that began at this time is new enough. A staleness of zero needs a read after the call."""
        if self.max_staleness_s == 0:
            return began_s > self.call_time_s
        return began_s >= self.call_time_s - self.max_staleness_s


class HoldTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The hold times in seconds, for merchants that have no times of their own."""

    hold_time_s: float
    stale_if_error_s: float

    def get_hold_s(self, merchant: Merchant) -> float:
        return merchant.hold_time_s or self.hold_time_s

    def get_stale_s(self, merchant: Merchant) -> float:
        return merchant.stale_if_error_s or self.stale_if_error_s

    def get_keep_s(self, merchant: Merchant, *, is_member: bool) -> float:
        """The age limit of a held answer. "No such member" is not served in an outage: an old claim needs a label."""
        hold_s = self.get_hold_s(merchant)
        return max(hold_s, self.get_stale_s(merchant)) if is_member else hold_s


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A held value of an identity: a snapshot, or the error that it names nobody or several members.

    `began_s`: when the read began, on this process's monotonic clock. `remembered_member_id`: the member whom the
    identity named last time.
    """

    began_s: float = -math.inf
    found: Snapshot | MemberNotFoundError | MemberAmbiguousError | None = None
    remembered_member_id: str | None = None


def find_held(lookup: Lookup, identity: Identity) -> Held:
    entry, member = lookup.entry, lookup.member
    if entry is None:
        return Held()
    match entry.content:
        case HeldMember(snapshot=snapshot):
            return Held(
                began_s=lookup.to_process_s(entry.began_us),
                found=snapshot,
                remembered_member_id=snapshot.member.member_id,
            )
        case Nobody() as nobody if nobody.answers(identity.value):
            return Held(began_s=lookup.to_process_s(entry.began_us), found=nobody.make_error())
        case Alias(member_id=member_id):
            # An alias from before the member's last invalidation is only remembered: it may name somebody else now.
            if member is None or not isinstance(member.content, HeldMember) or entry.began_us < member.valid_from_us:
                return Held(remembered_member_id=member_id)
            began_s = lookup.to_process_s(min(entry.began_us, member.began_us))
            return Held(began_s=began_s, found=member.content.snapshot, remembered_member_id=member_id)
    return Held()
