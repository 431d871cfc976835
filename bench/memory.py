"""The memory of a held snapshot: `python -m bench.memory FILE [MEMBERS BOUND]`, a separate process, writes it to FILE.

Each member is read by e-mail, so that two entries are held. The bound is tested with a million members, which are put
directly, since the time of reads is not measured here.
"""

import asyncio
import gc
import os
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from bench.aims import Aim
from bench.table import render_table
from loyalty_service.api.convert.snapshots import write_snapshot
from loyalty_service.domain.member import (
    Coupon,
    CouponState,
    Identity,
    Member,
    MemberStatus,
    Segment,
    Tier,
    Venue,
    Wallet,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import HeldSnapshot
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.snapshots.cache import SnapshotCache
from loyalty_service.snapshots.freshness import HoldTimes
from loyalty_service.snapshots.keys import Keys
from loyalty_service.snapshots.stores.memory import MemoryStore
from runtime.clock import SystemClock

RATIO_AIM = 2.0
MEMBERS = 20_000
BOUND_MEMBERS = 1_000_000
CAPACITY = 10_000
_COUPONS = 5
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_NOW = datetime(2026, 11, 23, 12, 55, tzinfo=UTC)


class MemoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes for one member; `ratio`: held to message. `entries`: held after `bound_members`, `capacity` at most."""

    message_bytes: int
    held_bytes: int
    ratio: float
    capacity: int
    bound_members: int
    entries: int
    bound_bytes: int


def measure_memory(members: int = MEMBERS, bound_members: int = BOUND_MEMBERS) -> MemoryRow:
    """Measure this process's own memory: nothing else may run in it."""
    return asyncio.run(_measure(members, bound_members))


async def _measure(members: int, bound_members: int) -> MemoryRow:
    merchant = make_merchant()
    message = write_snapshot(HeldSnapshot(snapshot=make_snapshot(0), stale_reason=None), merchant)
    before = read_resident_bytes()
    wide = await hold(merchant, members, capacity=2 * members)
    held_bytes = (read_resident_bytes() - before) / members
    del wide
    before = read_resident_bytes()
    bounded = await hold(merchant, bound_members, capacity=CAPACITY)
    bound_bytes = read_resident_bytes() - before
    return MemoryRow(
        message_bytes=message.ByteSize(),
        held_bytes=round(held_bytes),
        ratio=round(held_bytes / message.ByteSize(), 2),
        capacity=CAPACITY,
        bound_members=bound_members,
        entries=len(bounded),
        bound_bytes=bound_bytes,
    )


async def hold(merchant: Merchant, members: int, *, capacity: int) -> MemoryStore:
    clock = SystemClock()
    store = MemoryStore(clock, capacity=capacity)
    cache = SnapshotCache(store, Keys(b"bench"), clock, HoldTimes(hold_time_s=900, stale_if_error_s=86_400))
    for number in range(members):
        email = Identity(kind="email", value=f"member-{number}@example.com")
        await cache.put(merchant, email, make_snapshot(number), await cache.begin(merchant))
    return store


def make_snapshot(number: int) -> Snapshot:
    """A typical member: a tier, a place, two segments, five coupons."""
    member = Member(
        member_id=f"9b2e6c1e-7f7b-4a53-9a57-{number:012x}",
        support_id=f"R{number:07d}",
        full_name=f"Jana Nováková {number}",
        status=MemberStatus.ACTIVE,
        status_word="active",
        wallet=Wallet(balance=Decimal("1340.5")),
        tier=Tier(tier_id="tier-gold", display_name="Gold"),
        favorite_venue=Venue(venue_id="venue-12", display_name="Bratislava, Obchodná 12"),
        segments=tuple(
            Segment(slug=f"segment-{one}", display_name=f"Registered in last {one} days") for one in (7, 30)
        ),
    )
    coupons = tuple(
        Coupon(
            coupon_id=f"c0ffee00-0000-4000-8000-{number:08x}{one:04d}",
            display_name="10 % off your next purchase",
            redeem_value="10 %",
            code=f"CODE-{number:08d}-{one}",
            state=CouponState.ASSIGNED,
            expire_time=_NOW + timedelta(days=one),
        )
        for one in range(_COUPONS)
    )
    return Snapshot(member=member, coupons=coupons, fetch_time=_NOW, support_awards=())


def make_merchant() -> Merchant:
    return Merchant(
        merchant_id="acme",
        provider_url="https://trifft.example",
        provider_token="made-up",  # noqa: S106 - made up
        admin_member_url="",
        time_zone="UTC",
        locale="en",
        profile="",
        award_reasons=(),
        generation="1",
        create_time=_NOW,
        update_time=_NOW,
    )


def make_aims(row: MemoryRow) -> list[Aim]:
    return [
        Aim(
            aim=f"a held snapshot takes at most {RATIO_AIM:g} times its message",
            measured=row.ratio,
            is_met=row.ratio <= RATIO_AIM,
        ),
        Aim(
            aim=f"entries held after {row.bound_members} members, at most {row.capacity}",
            measured=row.entries,
            is_met=row.entries <= row.capacity,
        ),
    ]


def render_memory(row: MemoryRow) -> str:
    """Render as Markdown."""
    head = ("snapshots in memory", "message B", "held B", "ratio", "members", "entries", "MiB")
    figures = (str(row.message_bytes), str(row.held_bytes), f"{row.ratio:.2f}")
    bound = (str(row.bound_members), str(row.entries), f"{row.bound_bytes / 2**20:.1f}")
    return render_table(head, [(f"at most {row.capacity} entries", *figures, *bound)])


def read_resident_bytes() -> int:
    """This process's resident memory, as Linux counts it."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def main() -> None:
    file, *counts = sys.argv[1:]
    Path(file).write_bytes(msgspec.json.encode(measure_memory(*map(int, counts))))


if __name__ == "__main__":
    main()
