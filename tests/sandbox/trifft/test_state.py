from decimal import Decimal

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.trifft import Fault, Member, Trifft, create_trifft_app, make_demo_projects

Client = TestClient[web.Request, web.Application]


async def test_state_comes_back_whole(client: Client, trifft: Trifft, jana: Member) -> None:
    jana.points = Decimal("99.75")
    jana.delayed_credits = True
    member, admin = f"/v1/member/{jana.id}", f"/sandbox/trifft/acme/members/{jana.id}"
    await client.post(f"{member}/wallet/credit", json={"points": 5, "reference": "A-1"})
    await client.post(f"{admin}/coupons", json={"name": "Cake"})
    await client.patch("/sandbox/trifft/acme/settings", json={"wrapped": True})

    again = Trifft.from_json(trifft.to_json())

    (project,) = again.projects.values()
    assert project.state == trifft.projects["acme"].state
    assert project.members[jana.id].movements[0].pending


async def test_restored_state_is_served(trifft: Trifft, jana: Member) -> None:
    trifft.projects["acme"].faults.set(Fault(kind="status", status=500))
    restored = create_trifft_app(Trifft.from_json(trifft.to_json()))
    async with TestClient(TestServer(restored)) as client:
        response = await client.get(f"/v1/member/{jana.id}", headers={"Authorization": "Bearer acme-write"})

        assert response.status == 200, "all switches are off at first"
        assert (await response.json())["points"] == 1240


def test_demo_state_comes_back_whole() -> None:
    trifft = Trifft(make_demo_projects())

    assert Trifft.from_json(trifft.to_json()).to_json() == trifft.to_json()


@pytest.mark.parametrize("data", [b"", b"{}", b'{"projects": [{}]}', b"\x00"])
def test_invalid_state_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Trifft.from_json(data)
