"""What the engines may do differently, the tests of the rows and of rival workers run on each."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _restless() -> Iterator[None]:
    """Nobody waits for a worker that rests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.outbox.service._LEAST_POLL_S", 0.01)
        yield
