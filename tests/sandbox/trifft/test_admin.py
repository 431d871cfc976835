from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from sandbox.trifft import Project, Trifft, Webhook

Client = TestClient[web.Request, web.Application]

BASE = "/sandbox/trifft/acme"


async def test_projects_are_listed_with_settings_and_tokens(client: Client) -> None:
    (project,) = await (await client.get("/sandbox/trifft/projects")).json()

    assert (project["project_id"], project["member_count"]) == ("acme", 1)
    assert project["settings"]["point_scale"] == 1
    assert {token["token"]: token["kind"] for token in project["tokens"]} == {
        "acme-write": "write",
        "acme-read": "read",
        "acme-expired": "expired",
        "acme-no-role": "no_role",
    }


async def test_only_named_settings_are_changed(client: Client, acme: Project) -> None:
    acme.settings.wrapped = True

    answer = await (await client.patch(f"{BASE}/settings", json={"point_scale": 100, "tiers": False})).json()

    assert (acme.settings.point_scale, acme.settings.tiers, acme.settings.wrapped) == (100, False, True)
    assert answer["settings"]["point_scale"] == 100


async def test_rate_block_is_shown_and_ends_with_the_switch(client: Client, clock: SimpleNamespace) -> None:
    for _ in range(51):
        await client.get("/v1/member?phone=1")
    clock.now += 20
    write = (await (await client.get(f"{BASE}/settings")).json())["tokens"][0]
    assert (write["token"], write["blocked_for_s"]) == ("acme-write", 40)

    for is_on in (False, True):
        await client.patch(f"{BASE}/settings", json={"rate_limit": is_on})

    assert (await client.get("/v1/member?phone=1")).status == 200


async def test_faults_are_set_listed_and_cleared(client: Client, acme: Project) -> None:
    body = {"kind": "status", "operation": "find", "status": 500, "times": 3}
    switch = await (await client.post(f"{BASE}/faults", json=body)).json()
    await client.post(f"{BASE}/faults", json={"kind": "html"})
    assert (await client.get("/v1/member?phone=1")).status == 200, "the newest, one page"

    listed = await (await client.get(f"{BASE}/faults")).json()
    assert listed[0] == {**switch, "remaining": 3, "seconds": None, "after_commit": False, **body}

    await client.delete(f"{BASE}/faults/{listed[1]['id']}")
    assert (await client.get("/v1/member?phone=1")).status == 500
    assert (await client.delete(f"{BASE}/faults/{listed[1]['id']}")).status == 404
    assert await (await client.delete(f"{BASE}/faults")).json() == []
    assert acme.faults.list() == []


async def test_requests_are_shown_newest_first_and_counted(client: Client, acme: Project) -> None:
    await client.get("/v1/member?phone=1")
    await client.get("/v1/member/nobody")
    await client.get("/v1/nothing")

    log = await (await client.get(f"{BASE}/requests")).json()
    assert log["counts"] == {"find": 1, "get": 1, "unknown": 1}
    assert [entry["path"] for entry in log["requests"]] == ["/v1/nothing", "/v1/member/nobody", "/v1/member?phone=1"]

    cleared = await (await client.delete(f"{BASE}/requests")).json()
    assert (cleared, acme.count_requests()) == ({"counts": {}, "requests": []}, 0)


async def test_webhook_is_set_and_removed(client: Client, acme: Project) -> None:
    body = {"url": "http://127.0.0.1:9/hook", "header_name": "X-Secret", "header_value": "s3cret"}
    answer = await (await client.put(f"{BASE}/webhook", json=body)).json()
    assert answer == {"webhook": body, "deliveries": []}
    assert acme.state.webhook == Webhook(**body)

    assert await (await client.delete(f"{BASE}/webhook")).json() == {"webhook": None, "deliveries": []}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "settings", '{"point_scale": 7}'),
        ("PATCH", "settings", '{"colour": "red"}'),
        ("PATCH", "settings", '{"first_name_slug": "First Name"}'),
        ("PATCH", "settings", "[]"),
        ("PATCH", "settings", ""),
        ("POST", "faults", '{"kind": "status"}'),
        ("POST", "faults", '{"kind": "hang", "seconds": NaN}'),
        ("PUT", "webhook", '{"url": "ftp://x/", "header_name": "X", "header_value": "y"}'),
        ("PUT", "webhook", '{"url": "http://x/", "header_name": "X: Y", "header_value": "y"}'),
        ("PUT", "webhook", '{"url": "http://x/", "header_name": "X", "header_value": "y\\r\\nZ: z"}'),
        ("PUT", "webhook", '{"url": "http://x/"}'),
    ],
)
async def test_bad_body_is_refused_with_a_sentence(client: Client, method: str, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.request(method, f"{BASE}/{path}", data=body.encode(), headers=headers)

    assert response.status == 400
    assert (await response.json())["message"].startswith("Correct the body and send it again: ")


async def test_body_of_another_type_or_size_is_refused(client: Client) -> None:
    assert (await client.post(f"{BASE}/faults", data='{"kind": "hang"}')).status == 415
    big = b" " * 65 * 1024
    assert (await client.post(f"{BASE}/faults", data=big, headers={"Content-Type": "application/json"})).status == 413


async def test_unknown_project_is_not_found(client: Client) -> None:
    response = await client.get("/sandbox/trifft/nowhere/members")

    assert (response.status, await response.json()) == (404, {"message": "Name one of the projects acme."})


async def test_each_change_is_reported_for_saving(client: Client, trifft: Trifft, acme: Project) -> None:
    """Every change of saved data is reported, and nothing else."""
    saved = list[bytes]()
    trifft.on_change = lambda: saved.append(trifft.to_json())
    member = next(iter(acme.members))

    await client.put(f"{BASE}/webhook", json={"url": "http://127.0.0.1:9/", "header_name": "X", "header_value": "y"})
    await client.patch(f"{BASE}/settings", json={"wrapped": True})
    await client.patch(f"{BASE}/members/{member}", json={"points": 5})
    await client.post(f"/v1/member/{member}/wallet/credit", json={"points": 5})
    await client.post(f"/v1/member/{member}/wallet/debit", json={"points": 1})
    await client.post(f"/v1/member/{member}/coupon", json={"coupon_id": "espresso"})
    await client.delete(f"{BASE}/webhook")
    assert len(set(saved)) == len(saved) == 7

    await client.get(f"/v1/member/{member}")
    await client.post(f"{BASE}/faults", json={"kind": "html"})
    assert len(saved) == 7
