"""The ledger's disk is full: nothing is sent that is not on record, and what was sent is settled once there is room."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from structlog.testing import capture_logs

from loyalty_service.awards import sender
from loyalty_service.awards.reconciliation import loop
from loyalty_service.database import open_database
from loyalty_service.domain.ports import Booking
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from tests.loyalty_service.books import assert_record_agrees, let_leases_run_out, read_states
from tests.loyalty_service.reconciling import ListingProvider
from tests.loyalty_service.running import AT_ONCE_S, Client, catch_failure, make_request_id, run_service
from tests.loyalty_service.scripted import make_member

FILL = (
    "INSERT INTO award_changes (merchant_id, number, attempt, state, change_time_ms) "
    "VALUES ('filler', 0, 0, 'pending', 0)"
)
ROOM = 2**30
PENDING = pb.AWARD_STATE_PENDING


class Disk:
    """As many pages as the ledger's connections may use, at each transaction anew."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._page_count = ROOM

    def bound(self, connection: Connection) -> None:
        if connection.engine.url.database == self._path:  # servers that other tests share are on no full disk
            connection.exec_driver_sql(f"PRAGMA max_page_count = {self._page_count}")

    def fill(self) -> None:
        """To the last byte of the record's last page: no further change fits on it."""
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=5)
        [self._page_count] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {self._page_count}")
        with contextlib.closing(connection), contextlib.suppress(sqlite3.OperationalError):  # it is full
            while True:
                connection.execute(FILL)

    def make_room(self) -> None:
        self._page_count = ROOM


@pytest.fixture
def disk(new_sqlite_url: str) -> Iterator[Disk]:
    disk = Disk(new_sqlite_url.removeprefix("sqlite:///"))
    event.listen(Engine, "begin", disk.bound)
    yield disk
    event.remove(Engine, "begin", disk.bound)


@pytest.fixture
def provider() -> ListingProvider:
    provider = ListingProvider()
    provider.members |= {member_id: make_member(member_id) for member_id in ("boris", "eva")}
    return provider


async def get(client: Client, award_id: str) -> pb.Award:
    return (await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id=award_id))).award


async def test_full_disk_loses_and_doubles_no_award(
    new_sqlite_url: str, provider: ListingProvider, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "SETTLE_S", 0.1)
    monkeypatch.setattr(loop, "PASS_S", 0.02)

    is_full, request_id = asyncio.Event(), make_request_id()

    async def fill(_: Booking) -> None:
        disk.fill()
        is_full.set()

    async with open_database(new_sqlite_url) as database:
        with capture_logs():
            async with run_service(new_sqlite_url, provider, award_answer_s=AT_ONCE_S) as client:
                await client.add_merchant()
                for member_id in ("boris", "eva"):
                    await client.hold(member_id)
                provider.on_booked = fill
                sent = await client.award(member_id="boris")
                await is_full.wait()
                refused = await catch_failure(client.award(member_id="eva"))
                held = await get(client, sent.award.award_id)
                credited = len(provider.credits)
                disk.make_room()
                provider.on_booked = ListingProvider().on_booked
                settled = await settle(client, database, sent.award.award_id)
                while (again := await client.award(member_id="eva", request_id=request_id)).award.state == PENDING:
                    pass

        assert sent.award.state == held.state == PENDING
        assert (refused.reason, credited) == ("STORE_UNAVAILABLE", 1)
        assert (settled.state, again.award.state) == (pb.AWARD_STATE_APPLIED, pb.AWARD_STATE_APPLIED)
        assert sorted(booking.reference for booking in provider.credits) == sorted(await read_states(database))
        await assert_record_agrees(database)


async def settle(client: Client, database: Database, award_id: str) -> pb.Award:
    async with asyncio.timeout(60):
        while (award := await get(client, award_id)).state != pb.AWARD_STATE_APPLIED:
            await let_leases_run_out(database)
            await asyncio.sleep(0.05)
    return award
