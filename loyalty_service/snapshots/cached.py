"""Snapshots held between reads of the provider."""

import asyncio
import functools
import math

import msgspec

from loyalty_service.domain.errors import (
    LoyaltyError,
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import HeldSnapshot, LoyaltyProvider
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots.entries import AliasEntry, MemberEntry, NobodyEntry
from loyalty_service.snapshots.flights import Flight, Flights, Outcome, Sighting
from loyalty_service.snapshots.keys import Keys
from loyalty_service.snapshots.store import Store
from loyalty_service.snapshots.support import SupportAwards


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long things count, in seconds."""

    hold_time_s: float
    stale_if_error_s: float
    fetch_timeout_s: float


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is held for an identity, as of `begin_s`; `remembered_member_id` is only a guess."""

    begin_s: float = -math.inf
    found: Snapshot | NobodyEntry | None = None
    remembered_member_id: str | None = None


class CachedSnapshots:
    """Implements the port Snapshots.

    Each event has its time on the store's clock: a reader's arrival, a flight's beginning, an invalidation. A reader is
    answered by what began at or after its arrival less the staleness that it allows. One that meets a flight which
    began too early waits for its end all the same: all such readers then share the next one, so that at most one
    flight runs and one is due.

    The ledger is read by the same flight, after the provider. Whoever writes to it invalidates the member after the
    commit: what the flight had read before that commit began before the invalidation, and so is not held.
    """

    def __init__(
        self, provider: LoyaltyProvider, support: SupportAwards, store: Store, keys: Keys, times: Times
    ) -> None:
        self._provider = provider
        self._support = support
        self._store = store
        self._keys = keys
        self._times = times
        self._flights = Flights()

    async def close(self) -> None:
        await self._flights.close()
        await self._support.close()

    async def get(
        self, merchant: Merchant, identity: Identity, *, max_staleness_s: float | None, timeout_s: float
    ) -> HeldSnapshot:
        """See the port."""
        arrival_s = await self._store.now()
        oldest_s = arrival_s - (self._times.hold_time_s if max_staleness_s is None else max_staleness_s)
        held = await self._read(merchant, identity)
        if held.found is not None and held.begin_s >= oldest_s:
            return HeldSnapshot(snapshot=_take(held.found), stale_reason=None)
        try:
            async with asyncio.timeout(timeout_s):
                snapshot = await self._fly(merchant, identity, arrival_s, oldest_s)
        except TimeoutError:
            await self._hold_sighting(merchant, identity)
            error = ProviderTimeoutError(f"the provider did not answer within {timeout_s:g} s")
            return await self._get_stale(merchant, identity, oldest_s, error)
        except ProviderError as error:
            return await self._get_stale(merchant, identity, oldest_s, error)
        return HeldSnapshot(snapshot=snapshot, stale_reason=None)

    async def get_held(self, merchant: Merchant, member_id: str) -> Snapshot | None:
        """See the port."""
        held = await self._read(merchant, Identity(kind="member_id", value=member_id))
        return held.found if isinstance(held.found, Snapshot) else None

    async def invalidate(self, merchant: Merchant, member_id: str) -> None:
        """See the port."""
        member_key = self._keys.make_member_key(merchant, member_id)
        await self._store.invalidate(member_key, self._keys.make_merchant_key(merchant))

    async def _read(self, merchant: Merchant, identity: Identity) -> _Held:
        merchant_key = self._keys.make_merchant_key(merchant)
        entry = await self._store.get(self._keys.make_identity_key(merchant, identity), merchant_key)
        match entry:
            case MemberEntry():
                return _Held(begin_s=entry.begin_s, found=entry.snapshot, remembered_member_id=identity.value)
            case NobodyEntry():
                return _Held(begin_s=entry.begin_s, found=entry)
            case AliasEntry():
                member_key = self._keys.make_member_key(merchant, entry.member_id)
                return _join(entry, await self._store.get(member_key, merchant_key))
            case None:
                return _Held()

    async def _fly(self, merchant: Merchant, identity: Identity, arrival_s: float, oldest_s: float) -> Snapshot:
        key = self._keys.make_identity_key(merchant, identity)
        while True:
            remembered_id = (await self._read(merchant, identity)).remembered_member_id
            flight = self._flights.get(key) or self._start(merchant, identity, remembered_id)
            await asyncio.wait({flight.task})
            if flight.task.cancelled():
                raise ProviderUnavailableError("the service is shutting down")
            outcome = flight.task.result()
            if _answers(outcome, identity, arrival_s, oldest_s):
                break
        if isinstance(outcome.result, LoyaltyError):
            raise outcome.result.with_traceback(None)  # several readers may raise this one
        return outcome.result

    def _start(self, merchant: Merchant, identity: Identity, remembered_id: str | None) -> Flight:
        """A flight under the identity, and under the member that it is remembered to name."""
        keys = {self._keys.make_identity_key(merchant, identity)}
        if remembered_id is not None:
            keys.add(self._keys.make_member_key(merchant, remembered_id))
        fly = functools.partial(self._fetch, merchant=merchant, identity=identity, remembered_id=remembered_id)
        return self._flights.start(fly, *keys)

    async def _fetch(
        self, flight: Flight, *, merchant: Merchant, identity: Identity, remembered_id: str | None
    ) -> Outcome:
        begin_s = await self._store.now()
        try:
            snapshot = await self._provider.fetch(
                merchant,
                identity,
                remembered_member_id=remembered_id,
                timeout_s=self._times.fetch_timeout_s,
            )
        except (MemberNotFoundError, MemberAmbiguousError) as error:
            was_put = await self._put_nobody(merchant, identity, begin_s, error)
            return Outcome(identity=identity, begin_s=begin_s, result=error, is_overtaken=not was_put)
        except LoyaltyError as error:
            return Outcome(identity=identity, begin_s=begin_s, result=error)
        flight.sighting = Sighting(identity=identity, begin_s=begin_s, snapshot=snapshot)
        awards = await self._support.read(merchant.merchant_id, snapshot.member.member_id)
        snapshot = msgspec.structs.replace(snapshot, support_awards=awards)
        was_put = await self._put_member(merchant, identity, begin_s, snapshot)
        return Outcome(identity=identity, begin_s=begin_s, result=snapshot, is_overtaken=not was_put)

    async def _put_nobody(
        self, merchant: Merchant, identity: Identity, begin_s: float, error: MemberNotFoundError | MemberAmbiguousError
    ) -> bool:
        member_count = error.member_count if isinstance(error, MemberAmbiguousError) else 0
        entry = NobodyEntry(begin_s=begin_s, member_count=member_count, fetch_time=error.fetch_time)
        key = self._keys.make_identity_key(merchant, identity)
        return await self._store.put(key, self._keys.make_merchant_key(merchant), entry)

    async def _put_member(self, merchant: Merchant, identity: Identity, begin_s: float, snapshot: Snapshot) -> bool:
        merchant_key = self._keys.make_merchant_key(merchant)
        member_id = snapshot.member.member_id
        entry = MemberEntry(begin_s=begin_s, since_s=begin_s, snapshot=snapshot)
        was_put = await self._store.put(self._keys.make_member_key(merchant, member_id), merchant_key, entry)
        if identity.kind != "member_id":
            alias = AliasEntry(begin_s=begin_s, member_id=member_id)
            await self._store.put(self._keys.make_identity_key(merchant, identity), merchant_key, alias)
        return was_put

    async def _hold_sighting(self, merchant: Merchant, identity: Identity) -> None:
        """What the provider has said already is an answer to a reader who cannot wait for the ledger."""
        flight = self._flights.get(self._keys.make_identity_key(merchant, identity))
        if flight is not None and flight.sighting is not None:
            seen = flight.sighting
            await self._put_member(merchant, seen.identity, seen.begin_s, seen.snapshot)

    async def _get_stale(
        self, merchant: Merchant, identity: Identity, oldest_s: float, error: ProviderError
    ) -> HeldSnapshot:
        """What is held, if it is not too old; else raises the error."""
        held = await self._read(merchant, identity)
        oldest_served_s = await self._store.now() - self._times.stale_if_error_s
        if not isinstance(held.found, Snapshot) or held.begin_s < oldest_served_s:
            raise error
        is_fresh = held.begin_s >= oldest_s  # another flight has brought it meanwhile
        return HeldSnapshot(snapshot=held.found, stale_reason=None if is_fresh else error.reason)


def _join(alias: AliasEntry, member: object) -> _Held:
    """An alias that was learnt before its member was invalidated is only remembered."""
    if not isinstance(member, MemberEntry) or alias.begin_s < member.since_s:
        return _Held(remembered_member_id=alias.member_id)
    begin_s = min(alias.begin_s, member.begin_s)
    return _Held(begin_s=begin_s, found=member.snapshot, remembered_member_id=alias.member_id)


def _answers(outcome: Outcome, identity: Identity, arrival_s: float, oldest_s: float) -> bool:
    if outcome.begin_s < oldest_s or (outcome.is_overtaken and outcome.begin_s < arrival_s):
        return False
    if outcome.identity == identity or isinstance(outcome.result, ProviderError):
        return True
    # It was for an alias of the member that is asked for, and may have found that this is somebody else's by now.
    return isinstance(outcome.result, Snapshot) and outcome.result.member.member_id == identity.value


def _take(found: Snapshot | NobodyEntry) -> Snapshot:
    if isinstance(found, Snapshot):
        return found
    if found.member_count:
        raise MemberAmbiguousError(found.member_count, found.fetch_time)
    raise MemberNotFoundError(found.fetch_time)
