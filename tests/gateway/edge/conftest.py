"""A scripted loyalty service, without a gateway."""

import grpc
import pytest

from tests.gateway.edge.fixtures import folder, loyalty, patience
from tests.gateway.edge.scripted import ScriptedLoyalty

__all__ = ["folder", "loyalty", "patience"]


@pytest.fixture
def scripted(loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server]) -> ScriptedLoyalty:
    return loyalty[0]
