"""The lease of an attempt, compared with the time in which it may be sent and settled."""

from typing import Any

from loyalty_service.awards.sender import SETTLE_S, Sender, make_lease_s
from tests.loyalty_service.snapshots.scripted import FakeClock


def test_lease_outlasts_the_last_possible_send_and_the_writing_of_its_outcome() -> None:
    nothing: Any = None
    deadline = Sender(nothing, nothing, nothing, timeout_s=10.0, clock=FakeClock()).make_deadline()
    assert make_lease_s(10.0) >= round(deadline.left_s() + SETTLE_S, 3)
