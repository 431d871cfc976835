"""What the database itself keeps to: changes only appended, one award in doubt; and one that fails."""

import asyncio
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from loyalty_service.awards.ledger.ledger import Ledger
from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.awards.ledger.tables import award_changes, awards
from loyalty_service.awards.parse import GivenAward, parse_award
from loyalty_service.database import open_database
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import MerchantExistsError, MerchantNotFoundError
from loyalty_service.domain.limits import Limits
from loyalty_service.merchants.store import REVALIDATE_S, MerchantStore
from loyalty_service.trifft.fingerprint import make_fingerprint
from runtime.clock import SystemClock
from runtime.database import DatabaseError
from runtime.encryption import SecretKeys
from tests.loyalty_service.books import refused_by_database
from tests.loyalty_service.freezing import run_wire
from tests.loyalty_service.running import SECRET_KEY
from tests.loyalty_service.scripted import make_merchant
from tests.loyalty_service.snapshots.scripted import FakeClock
from tests.statements import execute

UTC_ZONE = ZoneInfo("UTC")


def make_given(request_id: str = "request-1", member_id: str = "jana") -> GivenAward:
    return GivenAward(request_id=request_id, member_id=member_id, points=100)


async def test_every_change_of_state_is_on_record_and_stays(each_database_url: str) -> None:
    async with open_database(each_database_url) as database:
        ledger = Ledger(database, lease_s=10.0, repeat_window_s=600.0, reversal_window_s=1800.0)
        refused = Settlement(state=AwardState.REJECTED, rejection_reason="PROVIDER_THROTTLED", retryable=True)
        request = parse_award(make_merchant(), make_given())
        await ledger.settle((await ledger.open(request, Limits(), UTC_ZONE)).award, refused)
        await ledger.settle(
            (await ledger.open(request, Limits(), UTC_ZONE)).award, Settlement(state=AwardState.UNKNOWN)
        )

        columns = (award_changes.c.number, award_changes.c.attempt, award_changes.c.state)
        query = select(*columns).order_by("change_id")
        changes = await database.read(lambda connection: connection.execute(query).all())
        assert changes == [(1, 1, "pending"), (1, 1, "rejected"), (1, 2, "pending"), (1, 2, "unknown")]
        for statement in ("UPDATE award_changes SET state = 'applied'", "DELETE FROM award_changes"):
            with refused_by_database("append-only"):
                await execute(database, statement)


async def test_outcome_that_comes_after_the_lease_settles_what_was_unknown(each_database_url: str) -> None:
    """UNKNOWN goes on to NOT_APPLIED, and is not REJECTED any more; the provider's word that it was booked is kept."""
    async with open_database(each_database_url) as database:
        ledger = Ledger(database, lease_s=-1.0, repeat_window_s=600.0, reversal_window_s=1800.0)
        refused = Settlement(state=AwardState.REJECTED, rejection_reason="PROVIDER_THROTTLED", retryable=True)
        opening = await ledger.open(parse_award(make_merchant(), make_given()), Limits(), UTC_ZONE)
        expired = await ledger.expire_leases()

        settled = await ledger.settle(opening.award, refused)
        booked = await ledger.settle(opening.award, Settlement(state=AwardState.APPLIED))

        assert [award.state for award in expired] == [AwardState.UNKNOWN]
        assert (settled.state, settled.retryable, settled.rejection_reason) == (AwardState.NOT_APPLIED, False, None)
        assert booked.state is AwardState.APPLIED
        assert await ledger.expire_leases() == []


async def test_outcome_of_an_older_attempt_changes_nothing(each_database_url: str) -> None:
    async with open_database(each_database_url) as database:
        ledger = Ledger(database, lease_s=10.0, repeat_window_s=600.0, reversal_window_s=1800.0)
        request = parse_award(make_merchant(), make_given())
        older = await ledger.open(request, Limits(), UTC_ZONE)
        await ledger.settle(older.award, Settlement(state=AwardState.REJECTED, retryable=True))
        await ledger.open(request, Limits(), UTC_ZONE)

        settled = await ledger.settle(older.award, Settlement(state=AwardState.APPLIED))

        assert settled.state is AwardState.PENDING


def make_second_award(member_id: str) -> str:
    """A copy of the first one, which is another member's."""
    other = {"number": "9", "request_id": "'request-9'", "member_id": f"'{member_id}'"}
    names = [column.name for column in awards.columns]
    values = ", ".join(other.get(name, name) for name in names)
    return f"INSERT INTO awards ({', '.join(names)}) SELECT {values} FROM awards WHERE number = 2"  # noqa: S608


async def test_second_award_in_doubt_of_a_member_is_impossible_in_the_database(each_database_url: str) -> None:
    """Whoever writes past the ledger is refused, too."""
    async with open_database(each_database_url) as database:
        ledger = Ledger(database, lease_s=10.0, repeat_window_s=600.0, reversal_window_s=1800.0)
        await ledger.open(parse_award(make_merchant(), make_given("request-1", "jana")), Limits(), UTC_ZONE)
        await ledger.open(parse_award(make_merchant(), make_given("request-2", "boris")), Limits(), UTC_ZONE)

        with pytest.raises(IntegrityError):
            await execute(database, make_second_award("jana"))


async def test_merchants_live_and_go_alike_on_both_engines(each_database_url: str) -> None:
    async with open_database(each_database_url) as database:
        store = MerchantStore(database, SecretKeys([SECRET_KEY]), SystemClock(), make_fingerprint=make_fingerprint)
        acme, bloom = make_merchant("acme"), make_merchant("bloom")
        added = [await store.add(merchant) for merchant in (bloom, acme)]
        with pytest.raises(MerchantExistsError):
            await store.add(acme)
        changed = await store.change("acme", {"provider_token": "another", "locale": "sk"})
        listed = await store.list_after("acme", 10)
        await store.remove("bloom")

        assert [merchant.merchant_id for merchant in added] == ["bloom", "acme"]
        assert (changed.provider_token, changed.locale, changed.time_zone) == ("another", "sk", "UTC")
        assert changed.update_time >= changed.create_time == added[1].create_time
        assert listed == [added[0]]
        with pytest.raises(MerchantNotFoundError):
            await store.get("bloom")
        with pytest.raises(MerchantNotFoundError):
            await store.remove("bloom")


async def test_known_merchant_stays_known_while_the_database_fails(each_database_url: str) -> None:
    """A sidebar needs no ledger; only who was never asked for cannot be told."""
    async with open_database(each_database_url) as database:
        clock = FakeClock()
        store = MerchantStore(database, SecretKeys([SECRET_KEY]), clock, make_fingerprint=make_fingerprint)
        acme = await store.add(make_merchant("acme"))
        assert await store.get("acme") == acme
        await execute(database, "ALTER TABLE merchants RENAME TO lost")
        clock.advance(REVALIDATE_S)

        assert await store.get("acme") == acme
        with pytest.raises(DatabaseError):
            await store.get("bloom")


async def test_known_merchant_is_not_waited_for_while_the_database_hangs(
    new_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.postgresql._DISPOSE_TIMEOUT_S", 0.1)
    monkeypatch.setattr("loyalty_service.merchants.store.WAIT_S", 0.05)
    monkeypatch.setattr("runtime.postgresql._READ_TIMEOUT_S", 120.0)
    async with run_wire(new_postgres_url) as (wire, url), asyncio.timeout(60), open_database(url) as database:
        clock = FakeClock()
        store = MerchantStore(database, SecretKeys([SECRET_KEY]), clock, make_fingerprint=make_fingerprint)
        acme = await store.add(make_merchant("acme"))
        wire.silent.set()
        clock.advance(REVALIDATE_S)

        async with asyncio.timeout(30):  # less than a statement's own time-out
            assert [await store.get("acme") for _ in range(2)] == [acme, acme]


async def test_postgresql_that_confirms_before_it_has_written_is_refused(new_postgres_url: str) -> None:
    """An award that was sent would be gone after a crash, and could be sent again."""
    async with open_database(new_postgres_url) as database:
        name = await database.read(
            lambda connection: connection.execute(text("SELECT current_database()")).scalar_one()
        )
        await execute(database, f"ALTER DATABASE {name} SET synchronous_commit = off")

    with pytest.raises(DatabaseError, match="SET synchronous_commit = on"):
        async with open_database(new_postgres_url):
            pass


async def test_postgresql_that_falls_silent_is_waited_for_no_longer_than_its_time(
    new_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by who reads or writes, nor at the end."""
    monkeypatch.setattr("runtime.postgresql._DISPOSE_TIMEOUT_S", 0.1)
    begin = asyncio.get_running_loop().time()
    async with run_wire(new_postgres_url) as (wire, url), asyncio.timeout(30), open_database(url) as database:
        await asyncio.gather(*(execute(database, "SELECT 1") for _ in range(2)))
        wire.silent.set()
        with pytest.raises(DatabaseError):
            await database.write(lambda connection: connection.execute(text("SELECT 1")), timeout_s=0.1)

    assert asyncio.get_running_loop().time() - begin < 30
