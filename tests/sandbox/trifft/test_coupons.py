import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from sandbox.trifft import Coupon, Member, Project, UserCoupon
from sandbox.trifft.member import CouponState

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def jana_with_coupons(jana: Member) -> Member:
    states: tuple[CouponState, ...] = ("assigned", "activated", "redeemed", "expired")
    jana.coupons = [UserCoupon(id=state, state=state, coupon=Coupon(name="  Káva ")) for state in states]
    return jana


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ({}, ["assigned", "activated", "redeemed", "expired"]),
        ({"state": "available"}, ["assigned", "activated"]),
        ({"state": "redeemed"}, ["redeemed"]),
    ],
)
async def test_coupons_are_filtered_by_state(
    client: Client, jana_with_coupons: Member, query: dict[str, str], states: list[str]
) -> None:
    """A coupon is available if it is assigned or activated."""
    coupons = await (await client.get(f"/v1/member/{jana_with_coupons.id}/coupon", params=query)).json()

    assert [coupon["state"] for coupon in coupons] == states


async def test_coupons_of_an_unknown_state_are_refused(client: Client, jana: Member) -> None:
    assert (await client.get(f"/v1/member/{jana.id}/coupon?state=usable")).status == 400


async def test_coupon_is_spelled_whole(client: Client, acme: Project, jana: Member) -> None:
    acme.settings.time_format = "iso"
    jana.coupons = [
        UserCoupon(
            id="u1",
            state="activated",
            redeem_value="5 EUR",
            code="WELCOME5",
            valid_until=1798757999,
            coupon=Coupon(id="c1", name="Welcome! ", description="Hello", points=20),
        )
    ]

    (coupon,) = await (await client.get(f"/v1/member/{jana.id}/coupon")).json()

    assert coupon == {
        "id": "u1",
        "state": "activated",
        "redeem_value": "5 EUR",
        "code": "WELCOME5",
        "valid_until": "2026-12-31T22:59:59+00:00",
        "coupon": {"id": "c1", "name": "Welcome! ", "description": "Hello", "type": "GENERAL", "points": 20},
    }


async def test_coupon_without_value_and_end_has_nulls(client: Client, jana_with_coupons: Member) -> None:
    coupons = await (await client.get(f"/v1/member/{jana_with_coupons.id}/coupon")).json()

    assert (coupons[0]["redeem_value"], coupons[0]["valid_until"], coupons[0]["coupon"]["name"]) == (
        None,
        None,
        "  Káva ",
    )


async def test_assign_gives_the_member_a_coupon(client: Client, jana: Member) -> None:
    given = await (await client.post(f"/v1/member/{jana.id}/coupon", json={"coupon_id": "espresso"})).json()

    held = await (await client.get(f"/v1/member/{jana.id}/coupon?state=available")).json()
    assert held == [given]
    assert (given["state"], given["redeem_value"], given["coupon"]["id"]) == ("assigned", "1 cup", "espresso")


async def test_assign_of_an_unknown_coupon_is_not_found(client: Client, jana: Member) -> None:
    response = await client.post(f"/v1/member/{jana.id}/coupon", json={"coupon_id": "yacht"})

    assert (response.status, jana.coupons) == (404, [])


async def test_assign_to_a_blocked_member_fails(client: Client, jana: Member) -> None:
    jana.status = "blocked"

    response = await client.post(f"/v1/member/{jana.id}/coupon", json={"coupon_id": "espresso"})

    assert (response.status, jana.coupons) == (402, [])
