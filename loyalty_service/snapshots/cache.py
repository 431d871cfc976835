"""Finds, puts and invalidates held entries by identity, in any store."""

import contextlib

from loyalty_service.domain.errors import MemberAmbiguousError, MemberNotFoundError, SnapshotsUnavailableError
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots.entries import Alias, Content, HeldMember, make_nobody
from loyalty_service.snapshots.freshness import Held, HoldTimes, find_held
from loyalty_service.snapshots.keys import Keys
from loyalty_service.snapshots.stores.protocol import Store


class SnapshotCache:
    """A member is held under their id; an e-mail, a phone number and a support ID are aliases of it."""

    def __init__(self, store: Store, keys: Keys, clock: Clock, times: HoldTimes) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._times = times

    async def find(self, merchant: Merchant, identity: Identity) -> Held:
        """Find what is held, unless it is too old for any answer. Raises SnapshotsUnavailableError."""
        lookup = await self._store.get(*self._make_keys(merchant, identity))
        held = find_held(lookup, identity)
        keep_s = self._times.get_keep_s(merchant, is_member=isinstance(held.found, Snapshot))
        is_too_old = held.found is not None and held.began_s < self._clock.monotonic() - keep_s
        return Held() if is_too_old else held

    async def find_if_up(self, merchant: Merchant, identity: Identity) -> Held:
        """As `find`; a store that does not answer holds nothing."""
        try:
            return await self.find(merchant, identity)
        except SnapshotsUnavailableError:
            return Held()

    async def begin(self, merchant: Merchant) -> int | None:
        """The store's time for a read that begins now; None if the store does not answer."""
        with contextlib.suppress(SnapshotsUnavailableError):
            return await self._store.begin(self._keys.make_merchant_key(merchant))
        return None

    async def put(
        self,
        merchant: Merchant,
        identity: Identity,
        found: Snapshot | MemberNotFoundError | MemberAmbiguousError,
        began_us: int | None,
    ) -> bool:
        """Hold the result of a read that began at this time. False: it is outdated, since it was invalidated meanwhile.

        If the store does not answer, nothing is held and nothing raised.
        """
        key, merchant_key = self._make_keys(merchant, identity)
        contents: dict[str, Content] = {}
        if isinstance(found, Snapshot):
            member_id = found.member.member_id
            member_key = self._keys.make_member_key(merchant, member_id)
            contents[key] = Alias(member_key=member_key, member_id=member_id)
            contents[member_key] = HeldMember(found)  # replaces the alias if the identity is the id itself
        else:
            contents[key] = make_nobody(identity, found)
        keep_s = self._times.get_keep_s(merchant, is_member=isinstance(found, Snapshot))
        are_held = [True]
        if began_us is not None:
            with contextlib.suppress(SnapshotsUnavailableError):
                for each, content in contents.items():
                    put = self._store.put(each, merchant_key, content, began_us=began_us, keep_s=keep_s)
                    are_held.append(await put)
        return all(are_held)

    async def invalidate(self, merchant: Merchant, identity: Identity) -> bool:
        """Drop a member; returns whether anything was held.

        Raises SnapshotsUnavailableError, but drops it once the store answers.
        """
        return await self._store.invalidate(*self._make_keys(merchant, identity))

    def _make_keys(self, merchant: Merchant, identity: Identity) -> tuple[str, str]:
        """The keys of the identity and of the merchant."""
        return self._keys.make_identity_key(merchant, identity), self._keys.make_merchant_key(merchant)
