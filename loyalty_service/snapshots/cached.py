"""Snapshots held between reads of the provider."""

import asyncio
import contextlib
import functools
import math
from collections.abc import Collection

import msgspec

from loyalty_service.domain.errors import (
    BadValueError,
    LoyaltyError,
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    SnapshotsUnavailableError,
)
from loyalty_service.domain.member import Identity, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import HeldSnapshot, Holding, LoyaltyProvider
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.metrics import SnapshotMetrics
from loyalty_service.snapshots.entries import AliasEntry, Entry, MemberEntry, NobodyEntry, make_nobody
from loyalty_service.snapshots.flights import Flight, Flights, Outcome, Sighting
from loyalty_service.snapshots.keys import Keys
from loyalty_service.snapshots.readers import Held, Reader, get_held, make_error
from loyalty_service.snapshots.store import Moment, Store
from loyalty_service.snapshots.support import SupportAwards
from loyalty_service.snapshots.turns import Turns


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long things count, in seconds."""

    hold_time_s: float
    stale_if_error_s: float
    fetch_timeout_s: float

    def get_hold_s(self, merchant: Merchant) -> float:
        return merchant.hold_time_s or self.hold_time_s

    def get_stale_s(self, merchant: Merchant) -> float:
        return merchant.stale_if_error_s or self.stale_if_error_s

    def get_keep_s(self, merchant: Merchant, *, is_nobody: bool) -> float:
        """For how long a store has to keep an entry; whoever reads it decides whether it counts still."""
        hold_s = self.get_hold_s(merchant)
        return hold_s if is_nobody else max(hold_s, self.get_stale_s(merchant))


class CachedSnapshots:
    """Implements the port Snapshots.

    Each event has its time: a reader's arrival, a flight's beginning, an invalidation. A reader is answered by what
    began at or after its arrival less the staleness that it allows. One that meets a flight which began too early waits
    for its end all the same: all such readers then share the next one, so that at most one flight runs and one is due.
    With `turns` that holds for all processes that share the store.

    The ledger is read by the same flight, after the provider. Whoever writes to it invalidates the member after the
    commit: what the flight had read before that commit began before the invalidation, and so is not held.
    """

    def __init__(  # noqa: PLR0913 - its parts
        self,
        *,
        provider: LoyaltyProvider,
        support: SupportAwards,
        store: Store,
        keys: Keys,
        times: Times,
        metrics: SnapshotMetrics,
        turns: Turns | None = None,
    ) -> None:
        self._provider = provider
        self._support = support
        self._store = store
        self._keys = keys
        self._times = times
        self._metrics = metrics
        self._turns = turns
        self._flights = Flights()

    async def close(self) -> None:
        await self._flights.close()
        await self._support.close()

    async def get(  # noqa: PLR0913 - the port's
        self,
        merchant: Merchant,
        identity: Identity,
        *,
        max_staleness_s: float | None,
        timeout_s: float,
        priority: Priority = Priority.TICKET,
        stale_if_error: bool = True,
    ) -> HeldSnapshot:
        """See the port."""
        end_time = asyncio.get_running_loop().time() + timeout_s
        staleness_s = self._times.get_hold_s(merchant) if max_staleness_s is None else max_staleness_s
        reading = await self._store.read(*self._make_keys(merchant, identity))
        held = get_held(reading, identity)
        reader = Reader(identity, reading.arrival, staleness_s)
        if held.found is not None and reader.takes_held(held):
            self._metrics.held.inc()
            return HeldSnapshot(snapshot=_take(held.found), stale_reason=None)
        if held.found is None and held.remembered_member_id is not None and priority is Priority.TICKET:
            # An award has dropped it, and its agent looks: without slots there would be nothing to show, not even old.
            priority = Priority.AWARD
        try:
            async with asyncio.timeout_at(end_time):
                found = await self._fly(merchant, reader, held, priority)
        except TimeoutError:
            await self._hold_sighting(merchant, identity)
            found = ProviderTimeoutError(f"TRIFFT did not answer within {timeout_s:g} s")
        if isinstance(found, ProviderError):
            return await self._get_stale(merchant, reader, found, may_be_stale=stale_if_error)
        self._metrics.fetched.inc()
        return HeldSnapshot(snapshot=_take(found), stale_reason=None)

    async def get_held(self, merchant: Merchant, member_id: str) -> Snapshot | None:
        """See the port."""
        _, held = await self._read(merchant, Identity(kind="member_id", value=member_id))
        return held.found if isinstance(held.found, Snapshot) else None

    async def get_holding(self, merchant: Merchant, identity: Identity) -> Holding | None:
        """See the port."""
        now, held = await self._read_surely(merchant, identity)
        if held.found is None:
            return None
        return Holding(
            snapshot=held.found if isinstance(held.found, Snapshot) else None,
            member_count=1 if isinstance(held.found, Snapshot) else held.found.member_count,
            fetch_time=held.found.fetch_time,
            age_s=max(0.0, now.there_s - held.begin_s),
            hold_time_s=self._times.get_hold_s(merchant),
            stale_if_error_s=self._times.get_stale_s(merchant),
        )

    async def invalidate(self, merchant: Merchant, member_id: str) -> None:
        """See the port."""
        member_key = self._keys.make_member_key(merchant, member_id)
        await self._store.invalidate(member_key, self._keys.make_merchant_key(merchant))

    async def drop(self, merchant: Merchant, identity: Identity) -> None:
        """See the port."""
        _, held = await self._read_surely(merchant, identity)
        member_id = held.remembered_member_id
        named = identity if member_id is None else Identity(kind="member_id", value=member_id)
        if not await self._store.invalidate(*self._make_keys(merchant, named)):
            raise SnapshotsUnavailableError

    async def erase(self, merchant: Merchant, member_id: str, identities: Collection[Identity]) -> int:
        """See the port. Other names of the member's are found only as far as the snapshot has them."""
        named = {*identities, Identity(kind="member_id", value=member_id)} if member_id else set(identities)
        reads = [await self._read(merchant, identity) for identity in named]
        if not member_id:
            ids = {held.remembered_member_id for _, held in reads} - {None}
            named |= {Identity(kind="member_id", value=str(remembered_id)) for remembered_id in ids}
        for member in [held.found.member for _, held in reads if isinstance(held.found, Snapshot)]:
            with contextlib.suppress(BadValueError):  # then nobody can have asked by it
                identity = parse_identity("support_id", member.support_id)
                now, held = await self._read(merchant, identity)
                reads.append((now, held))
                # The ID is as people read it, without odd characters: so it may be another member's.
                if held.remembered_member_id in {None, member.member_id}:
                    named.add(identity)
        are_told = [now.there_s < math.inf for now, _ in reads]
        count = 0
        for keys in [self._make_keys(merchant, identity) for identity in named]:
            count += (await self._store.read(*keys)).entry is not None
            are_told.append(await self._store.invalidate(*keys))
        if not all(are_told):
            raise SnapshotsUnavailableError
        return count

    def _make_keys(self, merchant: Merchant, identity: Identity) -> tuple[str, str]:
        """Of the identity and of the merchant."""
        return self._keys.make_identity_key(merchant, identity), self._keys.make_merchant_key(merchant)

    async def _read(self, merchant: Merchant, identity: Identity) -> tuple[Moment, Held]:
        reading = await self._store.read(*self._make_keys(merchant, identity))
        return reading.arrival, get_held(reading, identity)

    async def _read_surely(self, merchant: Merchant, identity: Identity) -> tuple[Moment, Held]:
        """Raises SnapshotsUnavailableError."""
        now, held = await self._read(merchant, identity)
        if now.there_s == math.inf:
            raise SnapshotsUnavailableError
        return now, held

    async def _fly(
        self, merchant: Merchant, reader: Reader, held: Held, priority: Priority
    ) -> Snapshot | NobodyEntry | LoyaltyError:
        key = self._keys.make_identity_key(merchant, reader.identity)
        while True:
            flight = self._flights.get(key)
            if flight is None:
                flight = self._start(merchant, reader, held.remembered_member_id)
                flight.priority = priority
            else:
                self._metrics.joined.inc()
            await asyncio.wait({flight.task})
            if flight.task.cancelled():
                return ProviderUnavailableError("the service is shutting down")
            outcome = flight.task.result()
            if reader.takes(outcome):
                return outcome.result
            _, held = await self._read(merchant, reader.identity)
            if held.found is not None and reader.takes_held(held):  # another flight has brought it meanwhile
                return held.found

    def _start(self, merchant: Merchant, reader: Reader, remembered_id: str | None) -> Flight:
        """A flight under the identity, and under the member that it is remembered to name."""
        key, merchant_key = self._make_keys(merchant, reader.identity)
        keys = {key} if remembered_id is None else {key, self._keys.make_member_key(merchant, remembered_id)}
        fly = functools.partial(self._fetch, merchant=merchant, identity=reader.identity, remembered_id=remembered_id)
        if self._turns is not None:
            fly = functools.partial(self._turns.fly, reader, key, merchant_key, fly)
        return self._flights.start(fly, *keys)

    async def _fetch(
        self, flight: Flight, *, merchant: Merchant, identity: Identity, remembered_id: str | None
    ) -> Outcome:
        flight.begin = await self._store.begin(self._keys.make_merchant_key(merchant))
        try:
            snapshot = await self._provider.fetch(
                merchant,
                identity,
                remembered_member_id=remembered_id,
                priority=flight.priority,
                timeout_s=self._times.fetch_timeout_s,
            )
        except (MemberNotFoundError, MemberAmbiguousError) as error:
            was_put = await self._put_nobody(merchant, identity, flight.begin, error)
            return Outcome(identity=identity, begin=flight.begin, result=error, is_overtaken=not was_put)
        except LoyaltyError as error:
            return Outcome(identity=identity, begin=flight.begin, result=error)
        flight.sighting = Sighting(identity=identity, begin=flight.begin, snapshot=snapshot)
        awards = await self._support.read(merchant.merchant_id, snapshot.member.member_id)
        snapshot = msgspec.structs.replace(snapshot, support_awards=awards)
        was_put = await self._put_member(merchant, identity, flight.begin, snapshot)
        return Outcome(identity=identity, begin=flight.begin, result=snapshot, is_overtaken=not was_put)

    async def _put_nobody(
        self, merchant: Merchant, identity: Identity, begin: Moment, error: MemberNotFoundError | MemberAmbiguousError
    ) -> bool:
        member_count = error.member_count if isinstance(error, MemberAmbiguousError) else 0
        entry = make_nobody(identity, begin.there_s, member_count, error.fetch_time)
        key = self._keys.make_identity_key(merchant, identity)
        keep_s = self._times.get_keep_s(merchant, is_nobody=True)
        return await self._store.put(self._keys.make_merchant_key(merchant), begin, {key: entry}, keep_s=keep_s)

    async def _put_member(self, merchant: Merchant, identity: Identity, begin: Moment, snapshot: Snapshot) -> bool:
        begin_s, member_id = begin.there_s, snapshot.member.member_id
        member_key = self._keys.make_member_key(merchant, member_id)
        entries: dict[str, Entry] = {member_key: MemberEntry(begin_s=begin_s, since_s=begin_s, snapshot=snapshot)}
        if identity.kind != "member_id":
            alias = AliasEntry(begin_s=begin_s, member_key=member_key, member_id=member_id)
            entries[self._keys.make_identity_key(merchant, identity)] = alias
        keep_s = self._times.get_keep_s(merchant, is_nobody=False)
        return await self._store.put(self._keys.make_merchant_key(merchant), begin, entries, keep_s=keep_s)

    async def _hold_sighting(self, merchant: Merchant, identity: Identity) -> None:
        """What the provider has said already is an answer to a reader who cannot wait for the ledger."""
        flight = self._flights.get(self._keys.make_identity_key(merchant, identity))
        if flight is not None and flight.sighting is not None:
            seen = flight.sighting
            await self._put_member(merchant, seen.identity, seen.begin, seen.snapshot)

    async def _get_stale(
        self, merchant: Merchant, reader: Reader, error: ProviderError, *, may_be_stale: bool
    ) -> HeldSnapshot:
        """What is held, if it is not too old; else raises the error."""
        now, held = await self._read(merchant, reader.identity)
        if isinstance(held.found, Snapshot) and reader.takes_held(held):  # another flight has brought it meanwhile
            self._metrics.fetched.inc()
            return HeldSnapshot(snapshot=held.found, stale_reason=None)
        oldest_s = now.there_s - self._times.get_stale_s(merchant)
        if not may_be_stale or not isinstance(held.found, Snapshot) or held.begin_s < oldest_s:
            self._metrics.none.inc()
            raise error.with_traceback(None)  # several readers may raise this one
        self._metrics.stale.inc()
        return HeldSnapshot(snapshot=held.found, stale_reason=error.reason)


def _take(found: Snapshot | NobodyEntry | LoyaltyError) -> Snapshot:
    if isinstance(found, NobodyEntry):
        raise make_error(found)
    if isinstance(found, LoyaltyError):
        raise found.with_traceback(None)  # several readers may raise this one
    return found
