from decimal import Decimal
from types import SimpleNamespace
from typing import Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from sandbox.trifft import Member, Project

Client = TestClient[web.Request, web.Application]


async def test_credit_adds_points_and_is_a_movement(client: Client, jana: Member, clock: SimpleNamespace) -> None:
    body = {"points": 100, "note": "Sorry", "reference": "A-1"}
    receipt = await (await client.post(f"/v1/member/{jana.id}/wallet/credit", json=body)).json()

    assert receipt == {"id": receipt["id"], "points": 100, "balance": 1340, "pending": False}
    assert jana.points == 1340
    assert await (await client.get(f"/v1/member/{jana.id}/wallet/movement")).json() == [
        {"id": receipt["id"], "change": 100, "note": "Sorry", "reference": "A-1", "created_at": int(clock.now)}
    ]


async def test_credit_twice_with_one_reference_adds_twice(client: Client, jana: Member) -> None:
    """TRIFFT documents no idempotency, so a double credit must be visible."""
    for _ in range(2):
        await client.post(f"/v1/member/{jana.id}/wallet/credit", json={"points": 100, "reference": "A-1"})

    assert jana.points == 1440
    assert [movement.reference for movement in jana.movements] == ["A-1", "A-1"]


async def test_debit_takes_points(client: Client, jana: Member) -> None:
    receipt = await (await client.post(f"/v1/member/{jana.id}/wallet/debit", json={"points": 40})).json()

    assert (receipt["points"], receipt["balance"]) == (40, 1200)
    assert jana.movements[0].change == -40


async def test_debit_of_the_whole_balance_and_a_point_more(client: Client, jana: Member) -> None:
    first = await client.post(f"/v1/member/{jana.id}/wallet/debit", json={"points": 1241})
    assert first.status == 402
    assert jana.points == 1240
    assert not jana.movements

    second = await client.post(f"/v1/member/{jana.id}/wallet/debit", json={"points": 1240})
    assert second.status == 200
    assert jana.points == 0


@pytest.mark.parametrize("operation", ["credit", "debit"])
@pytest.mark.parametrize("why", ["blocked", "anonymised", "wallet", "project"])
async def test_wallet_call_that_the_member_forbids_fails(
    client: Client,
    acme: Project,
    jana: Member,
    operation: str,
    why: Literal["blocked", "anonymised", "wallet", "project"],
) -> None:
    if why in ("blocked", "anonymised"):
        jana.status = why
    jana.wallet = why != "wallet"
    acme.settings.wallets = why != "project"

    response = await client.post(f"/v1/member/{jana.id}/wallet/{operation}", json={"points": 1})

    assert response.status == 402
    assert jana.points == 1240
    assert not jana.movements


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"points": 0}',
        '{"points": -5}',
        '{"points": "100"}',
        '{"points": true}',
        '{"points": null}',
        '{"points": 1000000001}',
        '{"points": 1e400}',
        '{"points": 1, "note": 7}',
        '{"points": 1, "reference": {}}',
        "\udcff",
    ],
)
async def test_credit_with_a_bad_body_is_refused(client: Client, jana: Member, body: str) -> None:
    response = await client.post(f"/v1/member/{jana.id}/wallet/credit", data=body.encode(errors="surrogateescape"))

    assert response.status == 400
    assert jana.points == 1240
    assert (await response.json())["error"]["code"] == 400


async def test_wallet_calls_of_an_unknown_member_are_not_found(client: Client) -> None:
    for path in ("wallet/credit", "wallet/debit"):
        assert (await client.post(f"/v1/member/nobody/{path}", json={"points": 1})).status == 404
    assert (await client.get("/v1/member/nobody/wallet/movement")).status == 404


async def test_point_scale_100_is_on_every_wallet_call(client: Client, acme: Project, jana: Member) -> None:
    acme.settings.point_scale = 100

    receipt = await (await client.post(f"/v1/member/{jana.id}/wallet/credit", json={"points": 10000})).json()
    movements = await (await client.get(f"/v1/member/{jana.id}/wallet/movement")).json()

    assert jana.points == 1340
    assert (receipt["points"], receipt["balance"], movements[0]["change"]) == (10000, 134000, 10000)


async def test_fractional_points_are_exact(client: Client, jana: Member) -> None:
    jana.points = Decimal("0.1")

    receipt = await (await client.post(f"/v1/member/{jana.id}/wallet/credit", json={"points": 0.2})).json()

    assert (receipt["balance"], jana.points) == (0.3, Decimal("0.3"))


async def test_delayed_credit_is_listed_while_it_waits_and_booked_when_released(
    client: Client, acme: Project, jana: Member, clock: SimpleNamespace
) -> None:
    jana.delayed_credits = True
    receipt = await (await client.post(f"/v1/member/{jana.id}/wallet/credit", json={"points": 100})).json()
    assert (receipt["pending"], receipt["balance"]) == (True, 1240)
    assert jana.points == 1240
    (waiting,) = await (await client.get(f"/v1/member/{jana.id}/wallet/movement")).json()
    assert (waiting["id"], waiting["change"]) == (receipt["id"], 100)

    clock.now += 3600
    acme.release(jana, clock.now)

    assert jana.points == 1340
    (movement,) = await (await client.get(f"/v1/member/{jana.id}/wallet/movement")).json()
    assert (movement["id"], movement["created_at"]) == (receipt["id"], int(clock.now))


async def test_release_books_a_credit_once(acme: Project, client: Client, jana: Member) -> None:
    jana.delayed_credits = True
    await client.post(f"/v1/member/{jana.id}/wallet/credit", json={"points": 100})

    acme.release(jana, 0)
    acme.release(jana, 0)

    assert jana.points == 1340


async def test_movements_since_a_time_include_that_second(client: Client, jana: Member, clock: SimpleNamespace) -> None:
    for _ in range(3):
        await client.post(f"/v1/member/{jana.id}/wallet/credit", json={"points": 1})
        clock.now += 10

    path = f"/v1/member/{jana.id}/wallet/movement"
    assert len(await (await client.get(path, params={"since": int(clock.now) - 20})).json()) == 2
    assert (await client.get(path, params={"since": "yesterday"})).status == 400


@pytest.mark.parametrize(
    ("movements", "references"),
    [("complete", [None, "A-1"]), ("without_reference", [None, None]), ("incomplete", [None])],
)
async def test_list_of_movements_is_as_complete_as_the_switch_says(
    client: Client,
    acme: Project,
    jana: Member,
    movements: Literal["complete", "without_reference", "incomplete"],
    references: list[str | None],
) -> None:
    for reference in (None, "A-1"):
        body = {"points": 1, "reference": reference}
        await client.post(f"/v1/member/{jana.id}/wallet/credit", json=body)
    acme.settings.movements = movements

    listed = await (await client.get(f"/v1/member/{jana.id}/wallet/movement")).json()

    assert [movement["reference"] for movement in listed] == references


async def test_missing_list_of_movements_is_a_404(client: Client, acme: Project, jana: Member) -> None:
    acme.settings.movements = "unavailable"

    assert (await client.get(f"/v1/member/{jana.id}/wallet/movement")).status == 404
