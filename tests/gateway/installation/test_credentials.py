import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.installation.credentials import Credentials
from gateway.installation.store import InstallationStore, Target, make_credential
from runtime.database import Database, DatabaseError
from tests.gateway.waiting import wait_until
from tests.statements import Statements, execute, note_statements


@pytest.fixture
def clock() -> SimpleNamespace:
    """Seconds, moved by the test alone."""
    return SimpleNamespace(now=0.0)


@pytest_asyncio.fixture(loop_scope="session")
async def credentials(store: InstallationStore, clock: SimpleNamespace) -> AsyncIterator[Credentials]:
    async with Credentials(store, clock=lambda: float(clock.now)) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def credential(store: InstallationStore) -> str:
    target = Target(
        gorgias_url="https://acme.gorgias.com",
        gorgias_user="ops@acme.example",
        gorgias_key="key",
        template="list",
        public_url="https://edge.example",
    )
    await store.add("acme", target)
    installation = await store.get("acme")
    assert installation is not None
    return installation.credential


@pytest_asyncio.fixture(loop_scope="session")
async def queries(database: Database, credential: str) -> AsyncIterator[Statements]:  # noqa: ARG001 - it is on record before they are noted
    """The statements that reach the database."""
    async with note_statements(database) as noted:
        yield noted


async def test_known_credential_is_answered_from_memory(
    credentials: Credentials, credential: str, queries: Statements
) -> None:
    assert [await credentials.find(credential) for _ in range(3)] == ["acme"] * 3
    assert len(queries) == 1


async def test_unknown_credential_always_asks_the_store(credentials: Credentials, queries: Statements) -> None:
    unknown = make_credential()
    assert [await credentials.find(unknown) for _ in range(3)] == [None] * 3
    assert len(queries) == 3


async def test_new_installation_is_known_at_once(credentials: Credentials, credential: str) -> None:
    assert await credentials.find(credential) == "acme"


@pytest.mark.parametrize("age_s", [5.0, 7.5, 59.9, 60.0, 100_000.0])
async def test_removed_installation_is_believed_for_less_than_5_s(
    credentials: Credentials, store: InstallationStore, credential: str, clock: SimpleNamespace, age_s: float
) -> None:
    """However long ago it was used last: its first use after that is refused."""
    await credentials.find(credential)
    await store.delete("acme")
    clock.now = 4.9
    assert await credentials.find(credential) == "acme"
    clock.now = age_s
    assert await credentials.find(credential) is None
    assert await credentials.find(credential) is None


async def test_known_credential_is_looked_up_once_for_all_who_ask_at_once(
    credentials: Credentials, credential: str, clock: SimpleNamespace, queries: Statements
) -> None:
    await credentials.find(credential)
    clock.now = 5.0
    assert await asyncio.gather(*(credentials.find(credential) for _ in range(5))) == ["acme"] * 5
    assert len(queries) == 2


@pytest.mark.parametrize("age_s", [5.0, 60.0])
async def test_known_credential_is_served_while_the_store_is_down(
    credentials: Credentials, database: Database, credential: str, clock: SimpleNamespace, age_s: float
) -> None:
    await credentials.find(credential)
    await execute(database, "ALTER TABLE installations RENAME TO away")
    clock.now = age_s
    assert [await credentials.find(credential) for _ in range(3)] == ["acme"] * 3
    with pytest.raises(DatabaseError):
        await credentials.find(make_credential())


async def test_known_credential_is_served_while_the_store_hangs_and_refused_once_it_has_said_no(
    store: InstallationStore, credential: str, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = asyncio.Event()
    free.set()

    class HangingStore:
        async def find_merchant_id(self, credential_sha256: bytes, /) -> str | None:
            await free.wait()
            return await store.find_merchant_id(credential_sha256)

    async with Credentials(HangingStore(), clock=lambda: float(clock.now)) as credentials:
        await credentials.find(credential)
        await store.delete("acme")
        clock.now = 60.0
        free.clear()
        monkeypatch.setattr("gateway.installation.credentials.WAIT_S", 0.01)
        assert await credentials.find(credential) == "acme"
        free.set()

        async def is_forgotten() -> bool:
            return await credentials.find(credential) is None

        await wait_until(is_forgotten)


@given(text_=st.text() | st.from_regex(r"tg_[A-Za-z0-9_-]{0,42}", fullmatch=True))
@example(text_="tg_" + "a" * 100_000)
@example(text_="tg_" + "a" * 43 + "\n")
async def test_implausible_credential_is_refused_without_asking(
    credentials: Credentials, queries: Statements, text_: str
) -> None:
    assert await credentials.find(text_) is None
    assert queries == []
