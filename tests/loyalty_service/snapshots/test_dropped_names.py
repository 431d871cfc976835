"""Data that is dropped by one name of a member is not held under the others."""

from loyalty_service.domain.member import parse_identity
from tests.loyalty_service.snapshots.desk import ACME, Desk


async def test_member_that_is_dropped_by_an_address_is_not_held_by_its_id(desk: Desk) -> None:
    await desk.read("jana@example.com")
    await desk.snapshots.drop(ACME, parse_identity("email", "jana@example.com"))
    assert await desk.get_held("jana") is None
