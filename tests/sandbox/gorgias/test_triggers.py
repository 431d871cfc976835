"""Ticket events: what fires, what is sent, what is kept."""

import pytest

from tests.sandbox.gorgias.helpdesk import Edge, Helpdesk

EVENTS = [
    ("add-tag", "vip", "ticket-updated"),
    ("remove-tag", "delivery", "ticket-updated"),
    ("customer-message", "Any news?", "ticket-message-created"),
    ("agent-reply", None, "ticket-message-created"),
    ("assign", "ben@acme.example", "ticket-assignment-updated"),
    ("close", None, "ticket-status-updated"),
    ("reopen", None, "ticket-status-updated"),
]
ALL = ("ticket-created", "ticket-updated", "ticket-message-created", "ticket-assignment-updated")
URL = "?email={{ticket.customer.email}}&id={{ticket.id}}"


async def test_each_event_fires_its_trigger_once_and_nothing_else(helpdesk: Helpdesk) -> None:
    await helpdesk.install("", *ALL, "ticket-status-updated", "ticket-handed-over")
    for count, (event, value, _) in enumerate(EVENTS, start=1):
        assert await helpdesk.fire(event, value)
        await helpdesk.get_calls(count)
    calls = await helpdesk.get_calls(len(EVENTS))
    assert [call["reason"] for call in calls] == [trigger for _, _, trigger in EVENTS]


async def test_opening_and_reading_fire_nothing(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.install("", *ALL)
    for path in ("tickets", "tickets/4711", "calls", "switches"):
        await helpdesk.page("GET", path)
    await helpdesk.rest("GET", "tickets/4711")
    await helpdesk.rest("GET", "messages?ticket_id=4711")
    assert edge.requests == []


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ("add-tag", "delivery"),
        ("add-tag", " "),
        ("remove-tag", "not there"),
        ("assign", "ana@acme.example"),
        ("reopen", None),
    ],
)
async def test_event_that_changes_nothing_fires_nothing(helpdesk: Helpdesk, event: str, value: str | None) -> None:
    await helpdesk.install("", *ALL, "ticket-status-updated")
    assert not await helpdesk.fire(event, value)
    assert await helpdesk.get_calls(0) == []


async def test_trigger_is_read_in_both_spellings_and_only_where_it_is_on(helpdesk: Helpdesk) -> None:
    hyphens = await helpdesk.install("?hyphens", triggers={"ticket-updated": True})
    await helpdesk.install("?underscores", triggers={"ticket_updated": True})
    await helpdesk.install("?off", triggers={"ticket-updated": False, "ticket-created": True})
    await helpdesk.fire()
    assert {call["url"].partition("?")[2] for call in await helpdesk.get_calls(2)} == {"hyphens", "underscores"}
    await helpdesk.rest("DELETE", f"integrations/{hyphens}")
    await helpdesk.fire("add-tag", "again")
    assert len(await helpdesk.get_calls(3)) == 3


async def test_newest_answer_is_held_for_the_customer_and_shown_on_all_their_tickets(
    helpdesk: Helpdesk, edge: Edge
) -> None:
    await helpdesk.install_widget(await helpdesk.install())
    edge.answers = [(200, '{"n": 1}'), (200, '{"n": 2}')]
    for count, ticket in enumerate((4726, 4727), start=1):
        await helpdesk.fire(ticket=ticket)
        await helpdesk.get_calls(count)
    assert [await helpdesk.get_held(ticket) for ticket in (4726, 4727, 4711)] == [{"n": 2}, {"n": 2}, None]


async def test_failed_call_keeps_the_held_answer_and_an_error_with_status_200_is_held(
    helpdesk: Helpdesk, edge: Edge
) -> None:
    await helpdesk.install_widget(await helpdesk.install())
    await helpdesk.switch(retries=0)
    held = []
    answers = [(200, '{"n": 1}'), (500, '{"n": 2}'), (200, "no json"), (200, '{"error": 3}')]
    for count, edge.answer in enumerate(answers, start=1):
        await helpdesk.fire("add-tag", f"tag-{count}")
        await helpdesk.get_calls(count)
        held.append(await helpdesk.get_held())
    assert held == [{"n": 1}, {"n": 1}, {"n": 1}, {"error": 3}]


async def test_late_answer_of_an_earlier_call_does_not_replace_a_newer_one(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.install_widget(await helpdesk.install("?status={{ticket.status}}", *ALL, "ticket-status-updated"))
    edge.by_query = {"status=open": (200, '{"n": "old"}'), "status=closed": (200, '{"n": "new"}')}
    edge.hold_query = "status=open"
    edge.hold.clear()
    await helpdesk.fire("add-tag")
    await helpdesk.fire("close", None)
    await helpdesk.get_calls(1)
    edge.hold.set()
    assert [call["url"][-4:] for call in await helpdesk.get_calls(2)] == ["osed", "open"]
    assert await helpdesk.get_held() == {"n": "new"}


async def test_failed_call_is_sent_again_up_to_three_times(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.install_widget(await helpdesk.install())
    edge.answers = [(500, "{}"), (404, "{}"), (200, '{"n": 1}')]
    await helpdesk.fire()
    calls = await helpdesk.get_calls(3)
    assert [(call["attempt"], call["status"]) for call in calls] == [(1, 500), (2, 404), (3, 200)]
    edge.answer = (503, "{}")
    await helpdesk.fire("add-tag", "again")
    assert [call["attempt"] for call in (await helpdesk.get_calls(7))[3:]] == [1, 2, 3, 4]
    assert await helpdesk.get_held() == {"n": 1}


async def test_call_that_cannot_connect_is_logged_with_its_reason(helpdesk: Helpdesk) -> None:
    await helpdesk.install(url="http://127.0.0.1:1/")
    await helpdesk.switch(retries=0)
    await helpdesk.fire()
    [call] = await helpdesk.get_calls(1)
    assert call["status"] is None
    assert "127.0.0.1" in call["error"]


async def test_call_beyond_the_time_limit_fails(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.install()
    await helpdesk.switch(retries=0, timeout_s=0.05)
    edge.hold.clear()
    await helpdesk.fire()
    [call] = await helpdesk.get_calls(1)
    assert call["error"] == "no answer within 0.05 s"


async def test_integration_is_switched_off_after_failures_in_a_row_and_on_again_by_put(
    helpdesk: Helpdesk, edge: Edge
) -> None:
    integration_id = await helpdesk.install()
    path = f"integrations/{integration_id}"
    await helpdesk.switch(retries=0, disable_after=3)
    for count, status in enumerate([500, 500, 200, 500, 500, 500], start=1):
        assert (await helpdesk.rest("GET", path))[1]["deactivated_datetime"] is None
        edge.answer = (status, "{}")
        await helpdesk.fire("add-tag", f"tag-{count}")
        await helpdesk.get_calls(count)
    assert (await helpdesk.rest("GET", path))[1]["deactivated_datetime"] is not None
    await helpdesk.fire("add-tag", "not sent")
    _, integration = await helpdesk.rest("GET", path)
    http = {name: value for name, value in integration["http"].items() if name != "id"}
    await helpdesk.rest("PUT", path, json={"name": "Edge", "http": http, "deactivated_datetime": None})
    await helpdesk.fire("add-tag", "sent")
    assert len(await helpdesk.get_calls(7)) == 7


async def test_hundred_failures_in_a_row_are_the_default(helpdesk: Helpdesk) -> None:
    switches = await helpdesk.page("GET", "switches")
    assert (switches["disable_after"], switches["retries"], switches["timeout_s"]) == (100, 3, 5.0)


async def test_event_does_not_wait_for_its_calls(helpdesk: Helpdesk, edge: Edge) -> None:
    """The edge answers only after the event: an event that waited for it would never end."""
    await helpdesk.install()
    edge.hold.clear()
    assert await helpdesk.fire()
    edge.hold.set()
    assert len(await helpdesk.get_calls(1)) == 1
