"""Tickets and messages over REST."""

from typing import Any

import pytest

from tests.sandbox.gorgias.helpdesk import Helpdesk

NOTE = {
    "channel": "internal-note",
    "from_agent": True,
    "via": "api",
    "sender": {"email": "ana@acme.example"},
    "body_text": "100 points, award A-1",
    "body_html": "<p>100 points, award A-1</p>",
}


async def test_ticket_tells_its_customer_and_its_assignee(helpdesk: Helpdesk) -> None:
    status, ticket = await helpdesk.rest("GET", "tickets/4711")
    assert status == 200
    assert ticket["customer"] == {"id": 101, "name": "Jana Nováková", "email": "jana@example.com"}
    assert ticket["assignee_user"]["email"] == "ana@acme.example"
    assert (await helpdesk.rest("GET", "tickets/1"))[0] == 404
    assert (await helpdesk.rest("GET", "tickets/x"))[0] == 404


async def test_tickets_come_newest_first_unless_asked_otherwise(helpdesk: Helpdesk) -> None:
    await helpdesk.rest("PUT", "tickets/4713", json={"tags": [{"name": "late"}]})
    _, [last] = await list_tickets(helpdesk, "limit=1&order_by=updated_datetime:desc")
    assert last == 4713
    _, created = await list_tickets(helpdesk, "")
    _, oldest = await list_tickets(helpdesk, "order_by=created_datetime:asc")
    assert created != oldest
    assert (await helpdesk.rest("GET", "tickets?order_by=subject"))[0] == 400


async def list_tickets(helpdesk: Helpdesk, query: str) -> tuple[int, list[int]]:
    status, page = await helpdesk.rest("GET", f"tickets?{query}")
    return status, [ticket["id"] for ticket in page["data"]]


async def test_ticket_update_changes_and_fires_for_each_part(helpdesk: Helpdesk) -> None:
    triggers = ("ticket-updated", "ticket-status-updated", "ticket-assignment-updated")
    await helpdesk.install("", *triggers)
    change = {"tags": [{"name": "vip"}], "status": "closed", "assignee_user": {"email": "ben@acme.example"}}
    status, ticket = await helpdesk.rest("PUT", "tickets/4711", json=change)
    assert (status, ticket["status"], ticket["tags"]) == (200, "closed", [{"name": "vip"}])
    assert ticket["assignee_user"]["id"] == 12
    assert {call["reason"] for call in await helpdesk.get_calls(3)} == set(triggers)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"status": "snoozed"},
        {"tags": "vip"},
        {"tags": ["vip"]},
        {"assignee_user": {"id": 999}},
        {"assignee_user": 5},
    ],
)
async def test_bad_ticket_update_changes_nothing(helpdesk: Helpdesk, change: dict[str, Any]) -> None:
    before = await helpdesk.rest("GET", "tickets/4711")
    status, _ = await helpdesk.rest("PUT", "tickets/4711", json={"assignee_user": None} | change)
    assert status == 400
    assert await helpdesk.rest("GET", "tickets/4711") == before


async def test_note_is_listed_with_its_ticket_and_refreshes_the_widget(helpdesk: Helpdesk) -> None:
    await helpdesk.install("", "ticket-message-created")
    status, note = await helpdesk.rest("POST", "tickets/4712/messages", json=NOTE)
    assert (status, note["public"], note["sender"]["name"]) == (201, False, "Ana Kovacs")
    _, page = await helpdesk.rest("GET", "messages?ticket_id=4712")
    assert page["data"][0] == note
    assert {message["ticket_id"] for message in page["data"]} == {4712}
    assert [call["reason"] for call in await helpdesk.get_calls(1)] == ["ticket-message-created"]


@pytest.mark.parametrize(
    "change", [{"surprise": 1}, {"channel": None}, {"from_agent": "yes"}, {"sender": "Ana"}, {"body_text": 5}]
)
async def test_bad_message_is_refused(helpdesk: Helpdesk, change: dict[str, Any]) -> None:
    assert (await helpdesk.rest("POST", "tickets/4712/messages", json=NOTE | change))[0] == 400
    assert (await helpdesk.rest("GET", "messages?ticket_id=4712"))[1]["data"][1:] == []


async def test_messages_come_newest_first_unless_asked_otherwise(helpdesk: Helpdesk) -> None:
    orders = {"": True, "created_datetime:desc": True, "created_datetime:asc": False}
    for order, newest_first in orders.items():
        query = f"messages?ticket_id=4711&limit=2&order_by={order}" if order else "messages?ticket_id=4711&limit=2"
        _, page = await helpdesk.rest("GET", query)
        _, rest = await helpdesk.rest("GET", f"{query}&cursor={page['meta']['next_cursor']}")
        ids = [message["id"] for message in page["data"] + rest["data"]]
        assert ids == sorted(ids, reverse=newest_first)
        assert len(ids) == 3
    assert (await helpdesk.rest("GET", "messages?order_by=id"))[0] == 400


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"body_text": "one\ntwo <b>"}, "one\ntwo <b>"),
        ({"body_html": "<div>one<br/>two</div><p>&lt;b&gt; three</p>"}, "one\ntwo\n<b> three"),
        ({"body_text": "unseen", "body_html": "<script>alert(1)</script><b>seen</b>\n it is"}, "seen it is"),
    ],
)
async def test_agent_sees_a_notes_lines_and_never_its_markup(
    helpdesk: Helpdesk, parts: dict[str, str], text: str
) -> None:
    note = {name: value for name, value in NOTE.items() if not name.startswith("body_")} | parts
    await helpdesk.rest("POST", "tickets/4712/messages", json=note)
    shown = (await helpdesk.page("GET", "tickets/4712"))["messages"][-1]
    assert (shown["channel"], shown["text"]) == ("internal-note", text)
