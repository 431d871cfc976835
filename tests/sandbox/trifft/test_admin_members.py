from collections.abc import Callable
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from sandbox.trifft import Coupon, Member, Project, UserCoupon

Client = TestClient[web.Request, web.Application]

BASE = "/sandbox/trifft/acme/members"


@pytest.mark.parametrize(
    ("query", "count"), [("", 2), ("nováková", 1), ("JANA NOV", 1), ("@example.com", 1), ("CARD", 1), ("zzz", 0)]
)
async def test_members_are_searched(client: Client, acme: Project, query: str, count: int) -> None:
    card = Member(support_id="card-7")
    acme.members[card.id] = card

    assert len(await (await client.get(BASE, params={"q": query})).json()) == count


async def test_member_is_shown_raw(client: Client, jana: Member) -> None:
    """Data that the API hides is shown: an anonymised member's fields, all coupons, pending movements."""
    jana.status = "anonymised"
    jana.points = Decimal("99.75")
    jana.coupons = [UserCoupon(id="u1", state="expired", coupon=Coupon(name="Old"))]

    member = await (await client.get(f"{BASE}/{jana.id}")).json()

    assert (member["email"], member["points"], member["wallet"]) == ("Jana@Example.com", 99.75, True)
    assert [coupon["state"] for coupon in member["coupons"]] == ["expired"]


@pytest.mark.parametrize(
    "change",
    [
        {"email": "new@example.com"},
        {"email": None},
        {"phone": "+421 900 111 222"},
        {"support_id": "X-1"},
        {"first_name": "", "last_name": None},
        {"points": 99.75},
        {"points": -20},
        {"tier": {"id": "t", "name": "Gold"}},
        {"segments": [{"slug": "vip", "name": "VIP"}]},
        {"favorite_venue": {"id": "v", "name": "Bratislava, Eurovea"}},
        {"locale": "sk"},
        {"status": "blocked"},
        {"status": "anonymised"},
        {"wallet": False},
        {"delayed_credits": True},
        {"more_wallets": [{"id": "bonus", "name": "Bonus", "points": 40}]},
        {"expiring_points": {"points": 200, "expires_at": 1798757999}},
        {"next_tier_at": 1500},
        {"birthday": "1990-03-12"},
        {"overrides": {"status": None, "points": [1], "wallets": "x"}},
        {"left_out": ["status"]},
        {"receipt_overrides": {"balance": "1 340"}},
    ],
)
async def test_each_field_can_be_changed_alone(client: Client, jana: Member, change: dict[str, object]) -> None:
    before = await (await client.get(f"{BASE}/{jana.id}")).json()

    response = await client.patch(f"{BASE}/{jana.id}", json=change)

    after = await response.json()
    assert response.status == 200
    assert {**after, "movements": []} == {**before, **change}
    assert await (await client.get(f"{BASE}/{jana.id}")).json() == after


async def test_tier_and_venue_get_an_id_when_none_is_given(client: Client, jana: Member) -> None:
    await client.patch(f"{BASE}/{jana.id}", json={"tier": {"name": "Gold"}, "favorite_venue": {"name": "Here"}})

    assert jana.tier is not None
    assert jana.favorite_venue is not None
    assert jana.tier.id != jana.favorite_venue.id


async def test_change_of_points_is_a_movement(client: Client, jana: Member) -> None:
    await client.patch(f"{BASE}/{jana.id}", json={"points": 1200, "first_name": "Jana"})
    await client.patch(f"{BASE}/{jana.id}", json={"points": 1200})

    assert [(movement.change, movement.note) for movement in jana.movements] == [
        (Decimal(-40), "Changed in TRIFFT Admin")
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"points": "many"},
        {"points": "NaN"},
        {"points": 10**10},
        {"points": None},
        {"expiring_points": {"points": "NaN", "expires_at": 1798757999}},
        {"expiring_points": {"points": 200, "expires_at": -1}},
        {"expiring_points": {"points": 200}},
        {"next_tier_at": 10**10},
        {"birthday": "12 March"},
        {"email": "jana"},
        {"email": ""},
        {"phone": "call me"},
        {"locale": "slovak"},
        {"status": "gone"},
        {"wallet": "yes"},
        {"tier": "Gold"},
        {"tier": {"id": "t"}},
        {"segments": [{"slug": "vip", "name": "VIP"}] * 2},
        {"segments": [{"slug": f"s{number}", "name": "S"} for number in range(101)]},
        {"first_name": "x" * 201},
        {"id": "other"},
        {"coupons": []},
        [],
    ],
)
async def test_invalid_change_changes_nothing(client: Client, jana: Member, body: object) -> None:
    before = await (await client.get(f"{BASE}/{jana.id}")).json()

    response = await client.patch(f"{BASE}/{jana.id}", json=body)

    assert response.status == 400
    assert (await response.json())["message"].startswith("Correct the body and send it again: ")
    assert await (await client.get(f"{BASE}/{jana.id}")).json() == before


async def test_coupon_is_added_changed_and_removed(client: Client, jana: Member) -> None:
    body = {"name": "Cake ", "redeem_value": "5 EUR", "valid_until": 1798757999}
    (added,) = (await (await client.post(f"{BASE}/{jana.id}/coupons", json=body)).json())["coupons"]
    assert (added["state"], added["coupon"]["name"], added["redeem_value"]) == ("assigned", "Cake ", "5 EUR")

    path = f"{BASE}/{jana.id}/coupons/{added['id']}"
    change = {"state": "redeemed", "valid_until": None, "description": "Eaten"}
    (changed,) = (await (await client.patch(path, json=change)).json())["coupons"]
    assert changed == {
        **added,
        "state": "redeemed",
        "valid_until": None,
        "coupon": {**added["coupon"], "description": "Eaten"},
    }

    assert (await (await client.delete(path)).json())["coupons"] == []
    assert (await client.delete(path)).status == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"name": 7}, {"name": "x", "state": "eaten"}, {"name": "x", "valid_until": -1}, {"name": "x", "id": ""}],
)
async def test_invalid_coupon_is_refused(client: Client, jana: Member, body: object) -> None:
    assert (await client.post(f"{BASE}/{jana.id}/coupons", json=body)).status == 400
    assert jana.coupons == []


async def test_member_spends_points_up_to_the_balance(client: Client, jana: Member) -> None:
    member = await (await client.post(f"{BASE}/{jana.id}/spend", json={"points": "1200"})).json()
    assert (member["points"], member["movements"][-1]["note"]) == (40, "Spent in the shop")

    refused = await client.post(f"{BASE}/{jana.id}/spend", json={"points": "41"})
    assert refused.status == 402
    assert (await refused.json())["message"] == "The points transaction failed: the balance is too low."
    assert jana.points == 40


@pytest.mark.parametrize("points", ["0", "-1", "NaN", "many", ""])
async def test_invalid_spending_is_refused(client: Client, jana: Member, points: str) -> None:
    assert (await client.post(f"{BASE}/{jana.id}/spend", json={"points": points})).status == 400
    assert jana.movements == []


async def test_release_books_delayed_credits(client: Client, jana: Member) -> None:
    jana.delayed_credits = True
    await client.post(f"/v1/member/{jana.id}/wallet/credit", json={"points": 100})

    member = await (await client.post(f"{BASE}/{jana.id}/release")).json()

    assert (member["points"], [movement["pending"] for movement in member["movements"]]) == (1340, [False])


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get(f"{BASE}/nobody"),
        lambda client: client.patch(f"{BASE}/nobody", json={}),
        lambda client: client.post(f"{BASE}/nobody/release"),
        lambda client: client.post(f"{BASE}/nobody/coupons", json={"name": "x"}),
        lambda client: client.delete(f"{BASE}/nobody/coupons/c"),
    ],
)
async def test_unknown_member_is_not_found(client: Client, ask: Callable[..., object]) -> None:
    response = await ask(client)  # type: ignore[misc]

    assert response.status == 404


async def test_change_nested_too_deep_is_refused(client: Client, jana: Member) -> None:
    deep = b'{"segments": ' + b"[" * 20_000
    headers = {"Content-Type": "application/json"}
    assert (await client.patch(f"{BASE}/{jana.id}", data=deep, headers=headers)).status == 400
