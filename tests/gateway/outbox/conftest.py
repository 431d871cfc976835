"""What the engines may do differently, the tests of the rows and of rival workers run on each."""

from collections.abc import Iterator

import pytest

from tests.gateway.outbox.room import PATIENCE_S


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    """A busy machine is no loyalty service that does not answer. Nor does anybody wait for a worker that rests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.outbox.service._LEAST_POLL_S", 0.01)
        for room in ("gateway.notes.service", "gateway.outbox.subject"):
            patch.setattr(f"{room}.TIMEOUT_S", PATIENCE_S)
        yield
