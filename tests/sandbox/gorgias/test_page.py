"""The pages' files, the page's own API, and which requests may use it."""

import re

import pytest

from tests.sandbox.gorgias.helpdesk import Helpdesk

EVENT = b'{"event": "add-tag", "value": "vip"}'
IMPORTS = re.compile(r"""(?:from|href=|src=) ?["'](/page/[^"']+)["']""")


@pytest.mark.parametrize("path", ["/", "/trifft-admin/acme/", "/trifft-admin/acme/members/some-id"])
async def test_page_loads_only_files_of_this_server(helpdesk: Helpdesk, path: str) -> None:
    seen, waiting = set(), [path]
    while waiting:
        path = waiting.pop()
        async with helpdesk.client.get(path) as response:
            text = await response.text()
            assert response.status == 200, path
        seen.add(path)
        waiting += set(IMPORTS.findall(text)) - seen
        assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}, path
    assert len(seen) > 4


@pytest.mark.parametrize("name", ["routes.py", "__init__.py", "nothing.js", "..%2F..%2Fapp.py", ".hidden.js"])
async def test_nothing_but_the_pages_files_is_served(helpdesk: Helpdesk, name: str) -> None:
    assert (await helpdesk.client.get(f"/page/{name}")).status == 404


async def test_every_answer_forbids_foreign_scripts_and_frames(helpdesk: Helpdesk) -> None:
    for path in ("/", "/page/helpdesk.js", "/sandbox/gorgias", "/nothing"):
        response = await helpdesk.client.get(path, headers={"Origin": "https://foreign.example"})
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_foreign_form_cannot_fire_an_event(helpdesk: Helpdesk, content_type: str) -> None:
    path = "/sandbox/gorgias/acme/tickets/4711/events"
    headers = {"Content-Type": content_type}
    assert (await helpdesk.client.post(path, data=EVENT, headers=headers)).status == 415
    assert (await helpdesk.client.options(path, headers=headers)).status != 200
    assert "vip" not in (await helpdesk.page("GET", "tickets/4711"))["tags"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "tickets/4711/events", b'{"event": "explode"}'),
        ("POST", "tickets/4711/events", b"{"),
        ("POST", "tickets/4711/actions", b"{}"),
        ("PUT", "switches", b'{"timeout_s": 0}'),
        ("PUT", "switches", b'{"surprise": 1}'),
    ],
)
async def test_bad_body_of_the_pages_api_is_refused(helpdesk: Helpdesk, method: str, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await helpdesk.client.request(method, f"/sandbox/gorgias/acme/{path}", data=body, headers=headers)
    assert response.status == 400
    assert (await response.json())["error"]


@pytest.mark.parametrize("path", ["nobody/tickets", "acme/tickets/1", "acme/tickets/x"])
async def test_unknown_account_or_ticket_is_not_found(helpdesk: Helpdesk, path: str) -> None:
    assert (await helpdesk.client.get(f"/sandbox/gorgias/{path}")).status == 404


async def test_open_page_is_told_when_the_sidebar_has_changed(helpdesk: Helpdesk) -> None:
    await helpdesk.install()
    async with helpdesk.client.get("/sandbox/gorgias/acme/updates") as stream:
        assert stream.content_type == "text/event-stream"
        await helpdesk.fire()
        text = ""
        while '"topic":"sidebar"' not in text:
            text += (await stream.content.readline()).decode()
    assert '"topic":"ticket","ticket_id":4711' in text


async def test_widgets_of_a_ticket_come_in_their_order(helpdesk: Helpdesk) -> None:
    integration_id = await helpdesk.install()
    made = []
    for order, changes in [(2, {}), (1, {}), (0, {"context": "customer"}), (0, {"type": "custom"})]:
        body = {"type": "http", "integration_id": integration_id, "order": order, "template": {"widgets": []}}
        made.append((await helpdesk.rest("POST", "widgets", json=body | changes))[1]["id"])
    shown = (await helpdesk.page("GET", "tickets/4711"))["widgets"]
    assert [widget["id"] for widget in shown] == [made[1], made[0]]


async def test_every_demo_ticket_has_a_customer_and_a_conversation(helpdesk: Helpdesk) -> None:
    numbers = []
    for account in ("acme", "bloom"):
        async with helpdesk.client.get(f"/sandbox/gorgias/{account}/tickets") as response:
            rows = await response.json()
        assert all(row["customer_name"] and row["preview"] and row["status"] == "open" for row in rows)
        numbers += [row["id"] for row in rows]
    assert len(numbers) == len(set(numbers))
    assert set(range(4711, 4734)) | set(range(4741, 4745)) | set(range(4751, 4756)) <= set(numbers)


async def test_shops_name_what_a_provisioning_script_needs(helpdesk: Helpdesk) -> None:
    async with helpdesk.client.get("/sandbox/shops") as response:
        acme, bloom = await response.json()
    assert (acme["merchant_id"], acme["time_zone"], acme["locale"]) == ("acme", "Europe/Bratislava", "en")
    assert all("[list_movements]\ncomplete = true" in shop["profile"] for shop in (acme, bloom))
    assert (bloom["gorgias_account"], bloom["time_zone"], bloom["locale"]) == ("bloom", "America/New_York", "sk")
    assert "params.meno" in bloom["profile"]
    headers = {"Authorization": f"Bearer {acme['trifft_token']}"}
    async with helpdesk.client.get("/v1/member?email=jana@example.com", headers=headers) as response:
        assert (await response.json())[0]["support_id"] == "JN-4821"


async def test_deep_nesting_and_huge_numbers_are_refused(helpdesk: Helpdesk) -> None:
    deep = b'{"response": ' + b"[" * 20_000
    headers = {"Content-Type": "application/json"}
    response = await helpdesk.client.post("/sandbox/gorgias/acme/tickets/4711/actions", data=deep, headers=headers)
    assert response.status == 400
    assert (await helpdesk.client.get(f"/sandbox/gorgias/acme/tickets/{'9' * 5000}")).status == 404
