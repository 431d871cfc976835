"""The bounds of freshness: at exactly their time, and past them."""

import pytest

from loyalty_service.domain.errors import MemberNotFoundError
from loyalty_service.snapshots.freshness import Freshness
from tests.loyalty_service.snapshots.desk import Desk


@pytest.mark.parametrize(
    ("max_staleness_s", "began_s", "is_allowed"), [(0.0, 100.0, False), (0.0, 100.5, True), (1.0, 99.0, True)]
)
def test_zero_needs_a_read_after_the_call_and_other_bounds_include_themselves(
    max_staleness_s: float, began_s: float, *, is_allowed: bool
) -> None:
    assert Freshness(call_time_s=100.0, max_staleness_s=max_staleness_s).allows(began_s) is is_allowed


async def test_old_answer_that_there_is_no_member_never_counts(desk: Desk) -> None:
    with pytest.raises(MemberNotFoundError):
        await desk.read("new@example.com")
    desk.provider.add("new", "new@example.com")
    desk.clock.advance(901)
    assert await desk.read_points("new@example.com", 10**9) == 100
