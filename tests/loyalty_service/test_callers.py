"""Callers and their keys over the wire: added, shown once, accepted, removed, and during an outage."""

import asyncio
import json
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import pytest_asyncio
import structlog
from sqlalchemy import text
from structlog.testing import LogCapture

from loyalty_service.callers.store import BELIEVED_S, MAX_CALLERS, OUTAGE_S, PAUSE_S, CallerStore
from loyalty_service.database import open_database
from loyalty_service.domain.caller import Role
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.settings import Listen
from tests.loyalty_service.freezing import run_wire
from tests.loyalty_service.running import Client, catch_failure, run_service
from tests.loyalty_service.scripted import JANA, ScriptedProvider
from tests.loyalty_service.snapshots.scripted import FakeClock
from tests.statements import execute, note_statements

API_KEY = "made-up-api-key"
LIST = pb.ListMerchantsRequest()
Metadata = tuple[tuple[str, str], ...]


def bear(key: str) -> Metadata:
    return (("authorization", f"Bearer {key}"),)


OWNER = bear(API_KEY)


async def add(client: Client, name: str = "crm", **fields: Any) -> pb.CreateCallerResponse:  # noqa: ANN401  of Caller
    wanted: dict[str, Any] = {"name": name, "role": pb.CALLER_ROLE_READ} | fields
    return await client.callers.CreateCaller(pb.CreateCallerRequest(caller=pb.Caller(**wanted)), metadata=OWNER)


async def remove(client: Client, name: str = "crm") -> None:
    await client.callers.DeleteCaller(pb.DeleteCallerRequest(name=name), metadata=OWNER)


async def read(client: Client, key: str) -> str:
    """Call with this key as the role read; return "OK" or the reason of the refusal."""
    call = client.merchants.ListMerchants(LIST, metadata=bear(key))
    return "OK" if await call.code() is grpc.StatusCode.OK else (await catch_failure(call)).reason


def make_wrong_key(number: int = 0) -> str:
    return f"tlk_{number:043}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def guarded(database_url: str, provider: ScriptedProvider, clock: FakeClock) -> AsyncIterator[Client]:
    async with run_service(database_url, provider, clock, api_key=API_KEY) as client:
        yield client


@pytest.fixture(scope="module")
def empty_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("callers") / "empty.db"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty(empty_file: Path) -> AsyncIterator[tuple[Client, FakeClock]]:
    """A service and its clock, for tests that leave no caller in the database."""
    clock = FakeClock()
    async with run_service(f"sqlite:///{empty_file}", ScriptedProvider(), clock, api_key=API_KEY) as client:
        yield client, clock


@asynccontextmanager
async def run_two(url: str, provider: ScriptedProvider, clock: FakeClock) -> AsyncIterator[tuple[Client, Client]]:
    """Run two processes of a fleet."""
    async with (
        run_service(url, provider, clock, api_key=API_KEY) as one,
        run_service(url, provider, clock, api_key=API_KEY) as other,
    ):
        yield one, other


async def test_key_is_shown_once_and_only_its_hash_is_kept(guarded: Client, database_url: str) -> None:
    added = [await add(guarded, name, role=pb.CALLER_ROLE_AWARD) for name in ("till", "crm")]
    listed = await guarded.callers.ListCallers(pb.ListCallersRequest(), metadata=OWNER)

    assert [caller.name for caller in listed.callers] == ["crm", "till"]
    assert list(listed.callers) == [one.caller for one in reversed(added)]
    assert [await read(guarded, one.key) for one in added] == ["OK", "OK"]
    assert len({one.key for one in added}) == 2
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as database:
        kept = "\n".join(database.iterdump())
    for secret in (*(one.key for one in added), *(one.key.removeprefix("tlk_") for one in added)):
        assert secret not in kept
        assert secret not in str(listed)


async def test_callers_are_stored_and_removed_on_both_engines(
    each_database_url: str, provider: ScriptedProvider
) -> None:
    async with run_service(each_database_url, provider, api_key=API_KEY) as client:
        first = await add(client, role=pb.CALLER_ROLE_ADMIN)
        twice = await catch_failure(add(client))
        await remove(client)
        missing = await catch_failure(remove(client))
        second = await add(client)
        found = [await read(client, one.key) for one in (first, second)]

    assert (first.caller.name, first.caller.role, first.caller.merchant_id) == ("crm", pb.CALLER_ROLE_ADMIN, "")
    assert (twice.code, twice.reason) == (grpc.StatusCode.ALREADY_EXISTS, "CALLER_EXISTS")
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "CALLER_NOT_FOUND")
    assert found == ["CALLER_UNKNOWN", "OK"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"name": ""}, "BAD_VALUE", "caller.name"),
        ({"name": "A B"}, "BAD_VALUE", "caller.name"),
        ({"name": "x" * 64}, "BAD_VALUE", "caller.name"),
        ({"role": pb.CALLER_ROLE_UNSPECIFIED}, "BAD_VALUE", "caller.role"),
        ({"role": 9}, "BAD_VALUE", "caller.role"),
        ({"merchant_id": "nobody"}, "MERCHANT_NOT_FOUND", ""),
    ],
)
async def test_impossible_caller_is_not_added(
    empty: tuple[Client, FakeClock], fields: dict[str, Any], reason: str, field: str
) -> None:
    client, _ = empty
    failure = await catch_failure(add(client, **fields))
    listed = await client.callers.ListCallers(pb.ListCallersRequest(), metadata=OWNER)

    assert (failure.reason, failure.field, list(listed.callers)) == (reason, field, [])


async def test_number_of_callers_is_bounded(guarded: Client, database_url: str) -> None:
    async with open_database(database_url) as database:
        rows = ", ".join(f"('c{number}', 'read', '', x'{number:064x}', 0)" for number in range(MAX_CALLERS - 1))
        await execute(database, f"INSERT INTO callers VALUES {rows}")  # noqa: S608  written above
    await add(guarded)

    failure = await catch_failure(add(guarded, "another"))

    assert (failure.reason, failure.field) == ("BAD_VALUE", "caller")


async def test_removed_key_is_refused_at_once_here_and_within_five_seconds_elsewhere(
    database_url: str, provider: ScriptedProvider, clock: FakeClock
) -> None:
    async with run_two(database_url, provider, clock) as (here, there):
        key = (await add(here)).key
        clock.advance(5.0)
        before = [await read(client, key) for client in (here, there)]
        await remove(here)
        after = [await read(client, key) for client in (here, there)]
        clock.advance(5.0)
        later = [await read(client, key) for client in (here, there)]

    assert before == ["OK", "OK"]
    assert after == ["CALLER_UNKNOWN", "OK"]
    assert later == ["CALLER_UNKNOWN", "CALLER_UNKNOWN"]


async def test_new_key_works_at_once_here_and_within_five_seconds_elsewhere(
    database_url: str, provider: ScriptedProvider, clock: FakeClock
) -> None:
    async with run_two(database_url, provider, clock) as (here, there):
        await read(there, make_wrong_key())
        key = (await add(here)).key
        at_once = await read(here, key)
        clock.advance(5.0)
        found = await read(there, key)

    assert (at_once, found) == ("OK", "OK")


@pytest.mark.asyncio(loop_scope="module")
async def test_flood_of_wrong_keys_costs_one_query_in_five_seconds(
    empty: tuple[Client, FakeClock], empty_file: Path
) -> None:
    client, clock = empty
    clock.advance(BELIEVED_S)
    async with note_statements(empty_file) as noted:
        keys = [make_wrong_key(number) for number in range(100)]
        first = await asyncio.gather(*(read(client, key) for key in keys))
        clock.advance(BELIEVED_S)
        second = await asyncio.gather(*(read(client, key) for key in keys))

    assert {*first, *second} == {"CALLER_UNKNOWN"}
    assert len([statement for statement, _ in noted if "callers" in statement]) == 2


@pytest.mark.asyncio(loop_scope="module")
async def test_impossible_keys_and_the_api_key_need_no_query(empty: tuple[Client, FakeClock], empty_file: Path) -> None:
    client, clock = empty
    clock.advance(BELIEVED_S)
    async with note_statements(empty_file) as noted:
        wrong = [await read(client, text) for text in ("", "wrong", API_KEY[:-1], "tlk_short", make_wrong_key() + "x")]
        await client.callers.ListCallers(pb.ListCallersRequest(), metadata=OWNER)

    assert set(wrong) == {"CALLER_UNKNOWN"}
    assert len([statement for statement, _ in noted if "callers" in statement]) == 1  # the query of ListCallers


async def test_known_key_stays_valid_in_an_outage_and_no_key_is_called_wrong(
    guarded: Client, database_url: str, clock: FakeClock
) -> None:
    key = (await add(guarded, role=pb.CALLER_ROLE_AWARD)).key
    assert await read(guarded, key) == "OK"
    award = pb.AwardPointsRequest(merchant_id="acme", request_id="request-1", member_id=JANA, points=1)
    async with open_database(database_url) as database:
        await execute(database, "ALTER TABLE callers RENAME TO lost")
        clock.advance(BELIEVED_S)
        in_outage = [await read(guarded, one) for one in (key, make_wrong_key(), API_KEY, "wrong")]
        not_given = await catch_failure(guarded.loyalty.AwardPoints(award, metadata=bear(key)))
        async with note_statements(Path(database_url.removeprefix("sqlite:///"))) as noted:
            flooded = {await read(guarded, make_wrong_key(number)) for number in range(50)}
        clock.advance(OUTAGE_S - BELIEVED_S - 1)
        at_last = await read(guarded, key)
        clock.advance(2)
        too_long = [await read(guarded, one) for one in (key, API_KEY)]
        refused = await catch_failure(guarded.merchants.ListMerchants(LIST, metadata=bear(key)))
        await execute(database, "ALTER TABLE lost RENAME TO callers")
        clock.advance(PAUSE_S)
        again = [await read(guarded, one) for one in (key, make_wrong_key())]

    assert in_outage == ["OK", "STORE_UNAVAILABLE", "OK", "CALLER_UNKNOWN"]
    assert not_given.reason == "STORE_UNAVAILABLE"
    assert (flooded, [one for one in noted if "callers" in one[0]]) == ({"STORE_UNAVAILABLE"}, [])
    assert (at_last, too_long) == ("OK", ["STORE_UNAVAILABLE", "OK"])
    assert (refused.code, refused.retry_s) == (grpc.StatusCode.UNAVAILABLE, 2.0)
    assert again == ["OK", "CALLER_UNKNOWN"]


async def test_known_key_is_not_waited_for_while_the_database_hangs(
    new_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.postgresql._DISPOSE_TIMEOUT_S", 0.1)
    monkeypatch.setattr("loyalty_service.callers.store.WAIT_S", 0.05)
    monkeypatch.setattr("runtime.postgresql._READ_TIMEOUT_S", 120.0)
    async with run_wire(new_postgres_url) as (wire, url), asyncio.timeout(60), open_database(url) as database:
        clock = FakeClock()
        store = CallerStore(database, clock)
        caller, key = await store.add("crm", Role.READ, "")
        assert await store.find(key, is_reader=True) == caller
        wire.silent.set()
        clock.advance(BELIEVED_S)

        async with asyncio.timeout(30):  # less than a statement's own time-out
            assert [await store.find(key, is_reader=True) for _ in range(2)] == [caller, caller]


async def test_simultaneous_read_does_not_undo_a_removal(each_database_url: str) -> None:
    """A read that began before the removal, and ends after it, must not bring the key back."""
    async with open_database(each_database_url) as database:
        clock = FakeClock()
        store = CallerStore(database, clock)
        keys = [(await store.add(f"c{number}", Role.READ, ""))[1] for number in range(20)]
        for number, key in enumerate(keys):
            clock.advance(BELIEVED_S)
            await asyncio.gather(store.find(key, is_reader=True), store.remove(f"c{number}"))
            assert await store.find(key, is_reader=True) is None


async def test_service_without_an_api_key_ignores_keys(client: Client) -> None:
    assert await read(client, make_wrong_key()) == "OK"


async def test_caller_of_a_shop_learns_nothing_of_another(guarded: Client, provider: ScriptedProvider) -> None:
    """The answer is always the same, whether or not the shop, the member or the award exists."""
    for merchant_id in ("acme", "bloom"):
        merchant = pb.Merchant(merchant_id=merchant_id, provider_url="http://127.0.0.1:8090")
        request = pb.CreateMerchantRequest(merchant=merchant, provider_token="made-up-token")
        await guarded.merchants.CreateMerchant(request, metadata=OWNER)
    key = (await add(guarded, role=pb.CALLER_ROLE_ADMIN, merchant_id="acme")).key
    asked = [("bloom", JANA), ("bloom", "nobody"), ("nowhere", JANA), ("", JANA)]
    failures = [
        await catch_failure(
            guarded.loyalty.GetSnapshot(
                pb.GetSnapshotRequest(merchant_id=shop, identity=pb.MemberIdentity(member_id=member)),
                metadata=bear(key),
            )
        )
        for shop, member in asked
    ]

    assert [failure.metadata for failure in failures] == [{"role": "read", "merchant_id": "acme"}] * len(asked)
    assert len({(failure.code, failure.reason, failure.message) for failure in failures}) == 1
    assert provider.fetches == []


@pytest.fixture
def log() -> Iterator[LogCapture]:
    capture, before = LogCapture(), structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture
    structlog.configure(**before)


async def test_log_names_the_caller_and_no_key(log: LogCapture, guarded: Client) -> None:
    key = (await add(guarded)).key
    await read(guarded, key)
    await catch_failure(guarded.callers.ListCallers(pb.ListCallersRequest(), metadata=bear(key)))
    await read(guarded, make_wrong_key())
    await remove(guarded)
    await read(guarded, key)

    lines = [line for line in log.entries if line["event"] == "call" and line["method"].startswith("List")]
    assert [(line["code"], line.get("caller")) for line in lines] == [
        ("OK", "crm"),
        ("PERMISSION_DENIED", "crm"),
        ("UNAUTHENTICATED", None),
        ("UNAUTHENTICATED", None),
    ]
    assert {line["event"] for line in log.entries} >= {"caller_added", "caller_removed"}
    everything = json.dumps(log.entries, default=repr)
    assert [secret for secret in (key, make_wrong_key(), API_KEY) if secret in everything] == []


async def test_refused_calls_are_counted_by_reason(
    log: LogCapture, database_url: str, provider: ScriptedProvider
) -> None:
    async with (
        run_service(database_url, provider, api_key=API_KEY, metrics_listen=Listen("127.0.0.1", 0)) as client,
        aiohttp.ClientSession() as session,
    ):
        merchant = pb.Merchant(merchant_id="acme", provider_url="http://127.0.0.1:8090")
        request = pb.CreateMerchantRequest(merchant=merchant, provider_token="made-up-token")
        await client.merchants.CreateMerchant(request, metadata=OWNER)
        key = (await add(client, merchant_id="acme")).key
        await catch_failure(client.merchants.ListMerchants(LIST))
        await catch_failure(client.callers.ListCallers(pb.ListCallersRequest(), metadata=bear(key)))
        reasons = [await read(client, one) for one in (make_wrong_key(), "x", "y", key)]
        [address] = [line["address"] for line in log.entries if line["event"] == "metrics_listening"]
        page = await (await session.get(f"http://{address}/metrics")).text()

    assert reasons == ["CALLER_UNKNOWN"] * 3 + ["CALLER_FORBIDDEN"]
    counts = dict(re.findall(r'loyalty_calls_refused_total{why="(\w+)"} ([0-9]+)', page))
    assert counts == {"no_key": "1", "wrong_key": "3", "role": "1", "shop": "1"}


async def test_migrated_table_refuses_an_unknown_role(each_database_url: str) -> None:
    async with open_database(each_database_url) as database:
        with pytest.raises(Exception, match="callers"):
            await database.write(
                lambda connection: connection.execute(
                    text("INSERT INTO callers VALUES ('x', 'owner', '', :digest, 0)"), {"digest": bytes(32)}
                )
            )
