"""`/api/integrations` and `/api/widgets`, as a client meets them."""

from typing import Any

import pytest

from tests.sandbox.gorgias.helpdesk import Helpdesk

HTTP = {
    "url": "https://edge.example/widget?email={{ticket.customer.email}}",
    "method": "GET",
    "request_content_type": "application/json",
    "response_content_type": "application/json",
    "triggers": {"ticket-updated": True, "ticket_message_created": True},
}
BODY = {"name": "TRIFFT", "type": "http", "http": HTTP}
TEMPLATE = {"type": "wrapper", "widgets": []}


async def test_integration_is_created_read_changed_and_removed(helpdesk: Helpdesk) -> None:
    status, made = await helpdesk.rest("POST", "integrations", json=BODY)
    assert (status, made["type"], made["http"]["url"]) == (201, "http", HTTP["url"])
    path = f"integrations/{made['id']}"
    assert await helpdesk.rest("GET", path) == (200, made)
    change = {"name": "New name", "http": HTTP | {"method": "POST"}}
    status, changed = await helpdesk.rest("PUT", path, json=change)
    assert (status, changed["name"], changed["http"]["method"]) == (200, "New name", "POST")
    assert await helpdesk.rest("DELETE", path) == (204, None)
    assert [(await helpdesk.rest(method, path))[0] for method in ("GET", "DELETE")] == [404, 404]


async def test_path_may_end_with_a_slash(helpdesk: Helpdesk) -> None:
    _, made = await helpdesk.rest("POST", "integrations/", json=BODY)
    assert (await helpdesk.rest("GET", made["uri"].removeprefix("/api/")))[0] == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"surprise": 1}, "surprise"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"type": "email"}, "type"),
        ({"http": None}, "http"),
        ({"http": HTTP | {"url": ""}}, "http.url"),
        ({"http": HTTP | {"response_content_type": None}}, "http.response_content_type"),
        ({"http": HTTP | {"method": "TRACE"}}, "http.method"),
        ({"http": HTTP | {"headers": {"X": 1}}}, "http"),
        ({"http": HTTP | {"triggers": {"ticket-opened": True}}}, "http.triggers.ticket-opened"),
    ],
)
async def test_bad_integration_is_refused_and_the_field_named(
    helpdesk: Helpdesk, change: dict[str, Any], field: str
) -> None:
    status, answer = await helpdesk.rest("POST", "integrations", json=BODY | change)
    assert status == 400
    assert field in answer["error"]["data"]
    assert (await helpdesk.rest("GET", "integrations?type=http"))[1]["data"] == []


@pytest.mark.parametrize("content", [b"", b"[]", b'"text"', b"{", b"\xff"])
async def test_body_that_is_not_a_json_object_is_refused(helpdesk: Helpdesk, content: bytes) -> None:
    assert (await helpdesk.rest("POST", "integrations", data=content))[0] == 400


async def test_list_is_paged_by_cursors(helpdesk: Helpdesk) -> None:
    made = [(await helpdesk.rest("POST", "integrations", json=BODY))[1]["id"] for _ in range(5)]
    seen: list[int] = []
    sizes: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        _, page = await helpdesk.rest("GET", f"integrations?type=http&limit=2&cursor={cursor}")
        seen += [item["id"] for item in page["data"]]
        sizes.append(len(page["data"]))
        previous, cursor = page["meta"]["prev_cursor"], page["meta"]["next_cursor"]
    assert (seen, sizes) == (made, [2, 2, 1])
    _, back = await helpdesk.rest("GET", f"integrations?type=http&limit=2&cursor={previous}")
    assert [item["id"] for item in back["data"]] == made[2:4]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=²", "cursor=!", "cursor=bm8="])
async def test_list_with_a_bad_limit_or_cursor_is_refused(helpdesk: Helpdesk, query: str) -> None:
    assert (await helpdesk.rest("GET", f"integrations?{query}"))[0] == 400


async def test_account_sees_only_its_own(helpdesk: Helpdesk) -> None:
    _, made = await helpdesk.rest("POST", "integrations", json=BODY)
    headers = {"Authorization": "Bearer sandbox-bloom-gorgias-oauth"}
    async with helpdesk.client.get(f"/gorgias/bloom/api/integrations/{made['id']}", headers=headers) as response:
        assert response.status == 404


async def test_widget_is_created_listed_changed_and_removed(helpdesk: Helpdesk) -> None:
    first, second = await helpdesk.install(), await helpdesk.install()
    widget = {"type": "http", "template": TEMPLATE, "integration_id": first, "order": 3}
    status, made = await helpdesk.rest("POST", "widgets", json=widget)
    assert (status, made["context"], made["order"]) == (201, "ticket", 3)
    assert (await helpdesk.rest("GET", f"widgets?integration_id={first}"))[1]["data"] == [made]
    assert (await helpdesk.rest("GET", f"widgets?integration_id={second}"))[1]["data"] == []
    path = f"widgets/{made['id']}"
    resent = {"type": "http", "template": TEMPLATE, "integration_id": second}
    status, changed = await helpdesk.rest("PUT", path, json=resent)
    assert (status, changed["integration_id"], changed["order"]) == (200, second, 0)
    assert await helpdesk.rest("DELETE", path) == (204, None)
    assert (await helpdesk.rest("GET", path))[0] == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"surprise": 1}, "surprise"),
        ({"type": None}, "type"),
        ({"template": None}, "template"),
        ({"template": {"type": "wrapper"}}, "template"),
        ({"template": "text"}, "body"),
        ({"context": "order"}, "context"),
        ({"integration_id": 1}, "integration_id"),
        ({"integration_id": None}, "integration_id"),
    ],
)
async def test_bad_widget_is_refused_and_the_field_named(
    helpdesk: Helpdesk, change: dict[str, Any], field: str
) -> None:
    widget = {"type": "http", "template": TEMPLATE, "integration_id": await helpdesk.install()}
    status, answer = await helpdesk.rest("POST", "widgets", json=widget | change)
    assert (status, list(answer["error"]["data"])) == (400, [field])


async def test_records_are_read_back_in_the_spelling_of_the_switch(helpdesk: Helpdesk) -> None:
    """Only reading changes: what was written stays, and fires as before."""
    triggers = {"ticket-assignment-updated": True, "ticket-created": False}
    headers = {"Authorization": "Bearer tg_secret"}
    body = {"name": "x", "type": "http", "http": HTTP | {"triggers": triggers, "headers": headers, "form": ""}}
    _, made = await helpdesk.rest("POST", "integrations", json=body)
    switches = await helpdesk.page("GET", "switches")
    await helpdesk.page("PUT", "switches", switches | {"read_back": "all", "odd_records": True})
    _, listed = await helpdesk.rest("GET", "integrations?type=http")
    *others, ours = listed["data"]
    assert len(others) > 3
    assert ours["id"] == str(made["id"])
    assert set(ours["http"]["triggers"]) >= {"ticket_assignee_updated", "ticket_created"}
    assert ours["http"]["request_content_type"].endswith("; charset=utf-8")
    assert "tg_secret" not in str(ours["http"]["headers"])
    assert "{" not in ours["http"]["url"]
    await helpdesk.page("PUT", "switches", switches)
    _, again = await helpdesk.rest("GET", "integrations?type=http")
    assert again["data"] == [made]


async def test_records_of_other_programs_are_listed_unchanged(helpdesk: Helpdesk) -> None:
    await helpdesk.page("PUT", "foreign", {"integrations": [{"id": None}], "widgets": ["odd"]})
    assert (await helpdesk.rest("GET", "integrations?type=http"))[1]["data"] == [{"id": None}]
    assert (await helpdesk.rest("GET", "widgets?integration_id=5"))[1]["data"] == ["odd"]
