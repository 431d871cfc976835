"""Tests of the rows and of competing workers run on each engine, since these may differ there."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _restless() -> Iterator[None]:
    """Workers hardly pause between their rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.outbox.service._LEAST_POLL_S", 0.01)
        yield
