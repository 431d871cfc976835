"""A store of installations on each engine, and the helpdesk stand-in on a real port."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from cryptography.fernet import Fernet

from gateway.database import Database, open_database
from gateway.gorgias.client import GorgiasClient
from gateway.installation.store import InstallationStore, Target
from gateway.keys import SecretKeys
from tests.gateway.helpdesk import Helpdesk, run_helpdesk


@pytest.fixture
def keys() -> SecretKeys:
    return SecretKeys([Fernet.generate_key().decode()])


@pytest.fixture
async def database(new_sqlite_url: str) -> AsyncIterator[Database]:
    async with open_database(new_sqlite_url) as opened:
        yield opened


@pytest.fixture
def store(database: Database, keys: SecretKeys) -> InstallationStore:
    return InstallationStore(database, keys)


@pytest.fixture
async def helpdesk() -> AsyncIterator[Helpdesk]:
    async with run_helpdesk() as running:
        yield running


@pytest.fixture
def target(helpdesk: Helpdesk) -> Target:
    return helpdesk.make_target()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def gorgias(session: aiohttp.ClientSession, target: Target) -> GorgiasClient:
    return GorgiasClient(session, target.gorgias_url, target.gorgias_user, target.gorgias_key)
