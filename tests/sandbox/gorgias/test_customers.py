"""Customers, their channels and their merging, over REST."""

import pytest

from tests.sandbox.gorgias.helpdesk import AUTH, Edge, Helpdesk


async def test_customer_lists_the_channels_with_the_first_of_a_type_preferred(helpdesk: Helpdesk) -> None:
    _, jana = await helpdesk.rest("GET", "customers/101")
    assert jana["channels"] == [
        {"type": "email", "address": "jana@example.com", "preferred": True},
        {"type": "phone", "address": "+421900000000", "preferred": True},
    ]
    _, sofia = await helpdesk.rest("GET", "customers/143")
    assert [(channel["address"], channel["preferred"]) for channel in sofia["channels"]] == [
        ("sofia.office@example.com", True),
        ("sofia@example.com", False),
    ]
    _, visitor = await helpdesk.rest("GET", "customers/104")
    assert (visitor["email"], visitor["channels"]) == (None, [])


@pytest.mark.parametrize("customer", ["0", "999", "x", "merge", "9" * 400])
async def test_unknown_customer_is_not_found(helpdesk: Helpdesk, customer: str) -> None:
    assert (await helpdesk.rest("GET", f"customers/{customer}"))[0] == 404


async def test_whatsapp_customer_has_an_opaque_id_and_no_email_in_the_url(helpdesk: Helpdesk, edge: Edge) -> None:
    _, walter = await helpdesk.rest("GET", "customers/141")
    assert [channel["type"] for channel in walter["channels"]] == ["whatsapp", "phone"]
    _, ticket = await helpdesk.rest("GET", "tickets/4751")
    assert (ticket["channel"], ticket["customer"]) == ("whatsapp", {"id": 141, "name": "Walter", "email": None})
    await helpdesk.install("?email={{ticket.customer.email}}&customer={{ticket.customer.id}}")
    await helpdesk.fire(ticket=4751)
    await helpdesk.get_calls(1)
    assert edge.requests[0].query_string == "email=None&customer=141"


async def test_merge_moves_channels_and_tickets_and_fires_for_each_ticket(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.install("?{{ticket.id}}-{{ticket.customer.id}}", "ticket-updated", "ticket-created")
    status, sofia = await helpdesk.rest("PUT", "customers/merge?source_id=116&target_id=143")
    assert (status, sofia["id"], sofia["name"], sofia["email"]) == (
        200,
        143,
        "Sofia Second",
        "sofia.office@example.com",
    )
    assert [channel["address"] for channel in sofia["channels"]] == [
        "sofia.office@example.com",
        "sofia@example.com",
        "peter@example.com",
    ]
    assert [call["reason"] for call in await helpdesk.get_calls(2)] == ["ticket-updated"] * 2
    assert {request.query_string for request in edge.requests} == {"4726-143", "4727-143"}
    assert (await helpdesk.rest("GET", "tickets/4726"))[1]["customer"]["id"] == 143


async def test_visitor_gets_the_email_of_the_customer_that_is_merged_in(helpdesk: Helpdesk) -> None:
    _, visitor = await helpdesk.rest("PUT", "customers/merge?source_id=101&target_id=104")
    assert (visitor["name"], visitor["email"]) == ("Chat visitor", "jana@example.com")


async def test_merged_id_answers_301_with_the_last_place_or_404(helpdesk: Helpdesk) -> None:
    for pair in ("source_id=141&target_id=142", "source_id=142&target_id=143"):
        await helpdesk.rest("PUT", f"customers/merge?{pair}")
    path = "/gorgias/acme/api/customers/141"
    async with helpdesk.client.get(path, headers=AUTH, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (301, "/gorgias/acme/api/customers/143")
    assert (await helpdesk.rest("GET", "customers/141"))[1]["id"] == 143
    await helpdesk.switch(merged_customer="gone")
    assert (await helpdesk.rest("GET", "customers/141"))[0] == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("source_id=101", 400),
        ("source_id=101&target_id=x", 400),
        ("source_id=101&target_id=0", 404),
        ("source_id=999&target_id=101", 404),
        ("source_id=101&target_id=101", 409),
    ],
)
async def test_impossible_merge_changes_nothing(helpdesk: Helpdesk, query: str, status: int) -> None:
    before = await helpdesk.rest("GET", "customers/101")
    assert (await helpdesk.rest("PUT", f"customers/merge?{query}"))[0] == status
    assert await helpdesk.rest("GET", "customers/101") == before


async def test_answer_for_the_source_stays_if_the_target_has_none(helpdesk: Helpdesk, edge: Edge) -> None:
    """With a switch it prevents the merge instead. A newer answer replaces both."""
    await helpdesk.install_widget(await helpdesk.install())
    edge.answers = [(200, f'{{"n": "{name}"}}') for name in ("jana", "peter", "layla")]
    for count, ticket in enumerate((4711, 4726, 4719), start=1):
        await helpdesk.fire(ticket=ticket)
        await helpdesk.get_calls(count)
    edge.hold.clear()
    edge.answer = (200, '{"n": "new"}')
    await helpdesk.switch(answers_block_merge=True)
    assert (await helpdesk.rest("PUT", "customers/merge?source_id=101&target_id=116"))[0] == 409
    assert (await helpdesk.rest("PUT", "customers/merge?source_id=109&target_id=104"))[0] == 200
    assert await helpdesk.get_held(4714) == {"n": "layla"}
    await helpdesk.switch(answers_block_merge=False)
    assert (await helpdesk.rest("PUT", "customers/merge?source_id=101&target_id=116"))[0] == 200
    assert await helpdesk.get_held(4711) == {"n": "peter"}
    edge.hold.set()
    await helpdesk.get_calls(5)
    assert [await helpdesk.get_held(ticket) for ticket in (4711, 4714)] == [{"n": "new"}] * 2


async def test_answer_that_comes_after_the_merge_is_not_given_to_the_target(helpdesk: Helpdesk, edge: Edge) -> None:
    """The call was made for the merged customer. The ticket's own event brings the target's answer."""
    await helpdesk.install_widget(await helpdesk.install("?{{ticket.customer.id}}"))
    edge.by_query = {"101": (200, '{"n": "late"}'), "104": (200, '{"n": "new"}')}
    edge.hold_query = "101"
    edge.hold.clear()
    await helpdesk.fire()
    await helpdesk.rest("PUT", "customers/merge?source_id=101&target_id=104")
    await helpdesk.get_calls(1)
    edge.hold.set()
    await helpdesk.get_calls(2)
    assert await helpdesk.get_held() == {"n": "new"}


async def test_ticket_gets_another_customer_and_fires_once(helpdesk: Helpdesk) -> None:
    await helpdesk.install("", "ticket-updated")
    for _ in range(2):
        status, ticket = await helpdesk.rest("PUT", "tickets/4711", json={"customer": {"id": 103}})
        assert (status, ticket["customer"]["email"]) == (200, "stranger@example.com")
    for bad in (5, None, {"id": "103"}, {"id": 999}):
        assert (await helpdesk.rest("PUT", "tickets/4711", json={"customer": bad}))[0] == 400
    assert [call["reason"] for call in await helpdesk.get_calls(1)] == ["ticket-updated"]


async def test_mailboxes_are_listed_beside_http_integrations(helpdesk: Helpdesk) -> None:
    ours = await helpdesk.install()
    _, everything = await helpdesk.rest("GET", "integrations")
    assert [(one["type"], one.get("meta", {}).get("address")) for one in everything["data"]] == [
        ("email", "support@acme.example"),
        ("gmail", "orders@acme.example"),
        ("http", None),
    ]
    _, emails = await helpdesk.rest("GET", "integrations?type=email")
    assert [(one["id"], one["name"]) for one in emails["data"]] == [(51, "Acme Support")]
    assert [one["id"] for one in (await helpdesk.rest("GET", "integrations?type=http"))[1]["data"]] == [ours]
