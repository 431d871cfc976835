from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from sandbox.trifft import ExpiringPoints, Member, Movement, Project, Segment, Tier, Venue, Wallet

Client = TestClient[web.Request, web.Application]


@pytest.mark.parametrize(
    "query",
    [
        {"email": "jana@example.com"},
        {"email": "JANA@EXAMPLE.COM"},
        {"email": "j\u00e1na@example.com "},
        {"phone": "+421900000000"},
        {"support_id": "JN-4821"},
        {"support_id": "\uff4an-4821"},
    ],
)
async def test_find_by_each_identity(client: Client, jana: Member, query: dict[str, str]) -> None:
    """To a database an e-mail, or a support ID, is the same in any case and with any accents."""
    found = await (await client.get("/v1/member", params=query)).json()

    assert [member["id"] for member in found] == [jana.id]


@pytest.mark.parametrize("email", ["strasse@example.com", "strase@example.com", "STRAẞE@example.com"])
async def test_find_treats_a_sharp_s_as_either_collation_does(client: Client, acme: Project, email: str) -> None:
    member = Member(email="straße@example.com")
    acme.members[member.id] = member

    found = await (await client.get("/v1/member", params={"email": email})).json()

    assert [one["id"] for one in found] == [member.id]


async def test_find_of_a_stranger_is_an_empty_list(client: Client) -> None:
    response = await client.get("/v1/member", params={"email": "stranger@example.com"})

    assert (response.status, await response.json()) == (200, [])


async def test_find_with_several_members_on_one_email_lists_all(client: Client, acme: Project) -> None:
    twins = [Member(email="twins@example.com"), Member(email="TWINS@example.com")]
    acme.members.update({twin.id: twin for twin in twins})

    found = await (await client.get("/v1/member", params={"email": "twins@example.com"})).json()

    assert [member["id"] for member in found] == [twin.id for twin in twins]


@pytest.mark.parametrize("query", [{}, {"email": ""}, {"email": "a@b.example", "phone": "+1"}, {"name": "Jana"}])
async def test_find_without_exactly_one_identity_is_refused(client: Client, query: dict[str, str]) -> None:
    response = await client.get("/v1/member", params=query)

    assert response.status == 400


async def test_find_never_shows_a_card_only_member_for_an_empty_email(client: Client, acme: Project) -> None:
    card = Member(support_id="CARD-7")
    acme.members[card.id] = card

    found = await (await client.get("/v1/member", params={"support_id": "CARD-7"})).json()

    assert (found[0]["id"], found[0]["email"]) == (card.id, None)
    assert (await client.get("/v1/member", params={"email": ""})).status == 400


async def test_get_spells_a_whole_member(client: Client, jana: Member) -> None:
    jana.tier = Tier(id="t1", name="Gold")
    jana.segments = [Segment(slug="vip", name="VIP")]
    jana.favorite_venue = Venue(id="v1", name="Bratislava, Eurovea")

    member = await (await client.get(f"/v1/member/{jana.id}")).json()

    assert member == {
        "id": jana.id,
        "email": "Jana@Example.com",
        "phone": "+421900000000",
        "support_id": "JN-4821",
        "points": 1240,
        "tier": {"id": "t1", "name": "Gold"},
        "segments": [{"slug": "vip", "name": "VIP"}],
        "favorite_venue": {"id": "v1", "name": "Bratislava, Eurovea"},
        "params": {"first_name": "Jana", "last_name": "Nováková"},
        "locale": "en",
        "status": "active",
        "created_at": 1723125758,
        "birthday": None,
        "expiring_points": None,
        "pending_points": 0,
        "points_to_next_tier": None,
        "movements": [],
    }


async def test_member_has_coming_points_and_the_last_movements(client: Client, acme: Project, jana: Member) -> None:
    """They are the primary wallet's, in the scale of its balance."""
    acme.settings.balance_scale = 100
    jana.expiring_points = ExpiringPoints(points=Decimal(200), expires_at=1798757999)
    jana.next_tier_at, jana.birthday = Decimal(1500), "1990-03-12"
    jana.more_wallets = [Wallet(id="bonus", name="Bonus")]
    jana.movements = [
        *(Movement(change=Decimal(number), created_at=number, note=f"Order {number}") for number in range(1, 7)),
        Movement(change=Decimal(50), created_at=8, pending=True),
        Movement(change=Decimal(9), created_at=9, wallet_id="bonus"),
    ]

    member = await (await client.get(f"/v1/member/{jana.id}")).json()

    assert member["expiring_points"] == {"points": 20_000, "expires_at": 1798757999}
    assert (member["pending_points"], member["points_to_next_tier"]) == (5_000, 26_000)
    assert member["birthday"] == "1990-03-12"
    assert [one["change"] for one in member["movements"]] == [600, 500, 400, 300, 200]
    assert member["movements"][0] == {"change": 600, "created_at": 6, "note": "Order 6"}

    acme.settings.tiers, jana.points = False, Decimal(1600)
    assert (await (await client.get(f"/v1/member/{jana.id}")).json())["points_to_next_tier"] is None
    acme.settings.tiers = True
    assert (await (await client.get(f"/v1/member/{jana.id}")).json())["points_to_next_tier"] is None
    for jana.wallet, jana.status in ((False, "active"), (True, "anonymised")):
        member = await (await client.get(f"/v1/member/{jana.id}")).json()
        assert (member["expiring_points"], member["pending_points"], member["movements"]) == (None, None, [])
    assert member["birthday"] is None


async def test_get_of_an_unknown_member_is_not_found(client: Client) -> None:
    assert (await client.get("/v1/member/nobody")).status == 404


async def test_get_of_a_member_with_nothing_has_nulls_and_no_names(client: Client, acme: Project) -> None:
    empty = Member()
    acme.members[empty.id] = empty

    member = await (await client.get(f"/v1/member/{empty.id}")).json()

    assert (member["points"], member["params"], member["segments"]) == (0, {}, [])
    assert {member[field] for field in ("email", "phone", "support_id", "tier", "favorite_venue")} == {None}


async def test_anonymised_member_is_found_by_the_old_email_and_shows_nothing(client: Client, jana: Member) -> None:
    jana.status = "anonymised"

    (member,) = await (await client.get("/v1/member", params={"email": "jana@example.com"})).json()

    assert (member["id"], member["status"], member["email"]) == (jana.id, "anonymised", "")
    assert member["params"] == {"first_name": "", "last_name": ""}
    assert member["support_id"] is None


async def test_points_are_null_where_a_wallet_is_off(client: Client, acme: Project, jana: Member) -> None:
    """The wallet is off for the member, or for the whole project."""
    jana.wallet = False
    assert (await (await client.get(f"/v1/member/{jana.id}")).json())["points"] is None

    jana.wallet = True
    acme.settings.wallets = False
    assert (await (await client.get(f"/v1/member/{jana.id}")).json())["points"] is None


async def test_tier_is_null_where_tiers_are_off(client: Client, acme: Project, jana: Member) -> None:
    jana.tier = Tier(name="Gold")
    acme.settings.tiers = False

    assert (await (await client.get(f"/v1/member/{jana.id}")).json())["tier"] is None


@pytest.mark.parametrize(("points", "spelled"), [("99.75", "99.75"), ("1E+3", "1000"), ("100.50", "100.5")])
async def test_fractional_balance_is_a_json_number(client: Client, jana: Member, points: str, spelled: str) -> None:
    jana.points = Decimal(points)

    assert f'"points":{spelled},' in await (await client.get(f"/v1/member/{jana.id}")).text()


async def test_project_settings_change_the_spelling(client: Client, acme: Project, jana: Member) -> None:
    acme.settings.wrapped = True
    acme.settings.time_format = "iso"
    acme.settings.first_name_slug = "meno"
    acme.settings.last_name_slug = "priezvisko"
    acme.settings.point_scale = 100

    body = await (await client.get(f"/v1/member/{jana.id}")).json()

    assert (body["status"], body["success"]) == (200, True)
    assert body["data"]["params"] == {"meno": "Jana", "priezvisko": "Nováková"}
    assert body["data"]["created_at"] == "2024-08-08T14:02:38+00:00"
    assert body["data"]["points"] == 1240
