import aiohttp
import pytest

from gateway.gorgias.client import GorgiasClient
from gateway.installation.store import Target


@pytest.fixture
def refused_gorgias(session: aiohttp.ClientSession, target: Target) -> GorgiasClient:
    """A client whose key Gorgias refuses."""
    return GorgiasClient(session, target.gorgias_url, target.gorgias_user, "wrong")
