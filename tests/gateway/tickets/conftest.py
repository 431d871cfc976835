"""The room of tickets on each engine, with `acme` installed in the stand-in of Gorgias."""

from collections.abc import AsyncIterator

import grpc
import pytest

from gateway.database import open_database
from gateway.installation.store import InstallationStore, Target
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.tickets.room import Room, TicketLoyalty, open_room


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def installations(database: Database, keys: SecretKeys, target: Target) -> InstallationStore:
    store = InstallationStore(database, keys)
    await store.add("acme", target)
    return store


@pytest.fixture
async def loyalty_server() -> AsyncIterator[tuple[TicketLoyalty, str]]:
    scripted = TicketLoyalty()
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    scripted.add_to_server(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield scripted, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def room(
    database: Database,
    installations: InstallationStore,
    helpdesk: Helpdesk,
    loyalty_server: tuple[TicketLoyalty, str],
) -> AsyncIterator[Room]:
    loyalty, address = loyalty_server
    async with open_room(database, installations, helpdesk, loyalty, address) as opened:
        yield opened
