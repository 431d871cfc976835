"""A running service, its provider a scripted one."""

from collections.abc import AsyncIterator

import pytest

from tests.loyalty_service.running import Client, StartService, run_service
from tests.loyalty_service.scripted import ScriptedProvider


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def start_service(database_url: str, provider: ScriptedProvider) -> StartService:
    """Starts a service on this test's database and provider; the settings are those of Config."""
    return lambda **settings: run_service(database_url, provider, **settings)


@pytest.fixture
async def client(start_service: StartService) -> AsyncIterator[Client]:
    """A running service with the merchant acme."""
    async with start_service() as client:
        await client.add_merchant()
        yield client
