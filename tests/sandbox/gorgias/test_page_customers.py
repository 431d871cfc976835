"""The page's own API for a person who changes customers, and starts and moves tickets."""

from typing import Any

import pytest

from tests.sandbox.gorgias.helpdesk import Edge, Helpdesk


async def start(helpdesk: Helpdesk, channel: str, customer: int | None = None) -> Any:  # noqa: ANN401 - JSON
    """Start a ticket; return it as the page shows it."""
    made = await helpdesk.page("POST", "tickets", {"channel": channel, "customer_id": customer})
    return await helpdesk.page("GET", f"tickets/{made['id']}")


async def test_new_customer_has_only_the_channel_s_data(helpdesk: Helpdesk, edge: Edge) -> None:
    """The creation of the ticket is an event."""
    await helpdesk.install("?{{ticket.channel}}-{{ticket.customer.email}}", "ticket-created")
    types = {"chat": ["chat"], "whatsapp": ["whatsapp"], "phone": [], "email": []}
    for count, (channel, expected) in enumerate(types.items(), start=1):
        ticket = await start(helpdesk, channel)
        await helpdesk.get_calls(count)
        assert ticket["channel"] == channel
        assert ticket["messages"][0]["channel"] == channel
        assert [one["type"] for one in ticket["customer"]["channels"]] == expected
    assert [request.query_string for request in edge.requests] == [f"{channel}-None" for channel in types]


async def test_known_customer_writes_on_another_channel(helpdesk: Helpdesk) -> None:
    ticket = await start(helpdesk, "chat", 101)
    assert (ticket["customer"]["id"], ticket["customer"]["email"]) == (101, "jana@example.com")
    assert ticket["id"] in [row["id"] for row in await helpdesk.page("GET", "tickets")]


async def test_channels_are_replaced_and_fire_nothing(helpdesk: Helpdesk) -> None:
    """The first e-mail becomes the customer's own; repeated channels count once."""
    await helpdesk.install("", "ticket-created", "ticket-updated")
    phone, email = {"type": "phone", "address": "0905 1"}, {"type": "email", "address": "new@example.com"}
    customer = await helpdesk.page("PUT", "customers/101/channels", [phone, email, phone])
    assert [(one["type"], one["address"]) for one in customer["channels"]] == [
        ("email", "new@example.com"),
        ("phone", "0905 1"),
    ]
    assert (await helpdesk.rest("GET", "tickets/4711"))[1]["customer"]["email"] == "new@example.com"
    assert (await helpdesk.page("PUT", "customers/101/channels", []))["email"] is None
    assert await helpdesk.get_calls(0) == []


async def test_customer_is_merged_and_a_ticket_moved(helpdesk: Helpdesk) -> None:
    target = await helpdesk.page("POST", "customers/104/merge", {"customer_id": 103})
    assert target["email"] == "stranger@example.com"
    shown = await helpdesk.page("GET", "tickets/4714")
    assert shown["customer"]["id"] == 103
    assert await helpdesk.page("PUT", "tickets/4714/customer", {"customer_id": 101}) == {"changed": True}
    assert await helpdesk.page("PUT", "tickets/4714/customer", {"customer_id": 101}) == {"changed": False}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "tickets", {"channel": "Fax!"}, 400),
        ("POST", "tickets", {"channel": "chat", "customer_id": 5}, 404),
        ("PUT", "tickets/4711/customer", {"customer_id": 5}, 404),
        ("PUT", "tickets/1/customer", {"customer_id": 101}, 404),
        ("PUT", "customers/101/channels", [{"type": "email", "address": " "}], 400),
        ("PUT", "customers/101/channels", [{"type": "e mail", "address": "a@b.example"}], 400),
        ("PUT", "customers/101/channels", {"email": "a@b.example"}, 400),
        ("PUT", "customers/5/channels", [], 404),
        ("POST", "customers/101/merge", {"customer_id": 101}, 409),
        ("POST", "customers/5/merge", {"customer_id": 101}, 404),
    ],
)
async def test_impossible_change_is_refused(
    helpdesk: Helpdesk, method: str, path: str, body: object, status: int
) -> None:
    before = await helpdesk.page("GET", "tickets/4711")
    async with helpdesk.client.request(method, f"/sandbox/gorgias/acme/{path}", json=body) as response:
        assert response.status == status
    assert await helpdesk.page("GET", "tickets/4711") == before
