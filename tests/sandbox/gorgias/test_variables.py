"""How a template variable reaches the other side."""

import pytest

from sandbox.gorgias.switches import AbsentValue
from sandbox.gorgias.variables import render
from tests.sandbox.gorgias.helpdesk import Edge, Helpdesk

EMAIL = "?email={{ticket.customer.email}}"


async def get_query(helpdesk: Helpdesk, edge: Edge, query: str, ticket: int) -> str:
    await helpdesk.install(query)
    await helpdesk.fire(ticket=ticket)
    await helpdesk.get_calls(1)
    return edge.requests[0].raw_path.partition("?")[2]


async def test_all_variables_are_written_as_text(helpdesk: Helpdesk, edge: Edge) -> None:
    query = "?id={{ticket.id}}&c={{ ticket.customer.id }}&e={{ticket.customer.email}}&ch={{ticket.channel}}"
    assert await get_query(helpdesk, edge, query, 4711) == "id=4711&c=101&e=jana@example.com&ch=email"


async def test_value_is_put_in_unchanged_so_a_plus_stays_a_plus(helpdesk: Helpdesk, edge: Edge) -> None:
    assert await get_query(helpdesk, edge, EMAIL, 4724) == "email=a+b@example.com"
    assert edge.requests[0].query["email"] == "a b@example.com"


async def test_value_is_percent_encoded_if_the_switch_says_so(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.switch(url_encoding="values")
    assert await get_query(helpdesk, edge, EMAIL, 4724) == "email=a%2Bb%40example.com"


async def test_value_is_sent_unchanged_if_the_switch_says_so(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.switch(url_encoding="nothing")
    assert await get_query(helpdesk, edge, "?a=|%41&e={{ticket.customer.email}}", 4724) == "a=|%41&e=a+b@example.com"


async def test_what_http_cannot_carry_is_percent_encoded_on_the_wire(helpdesk: Helpdesk, edge: Edge) -> None:
    assert await get_query(helpdesk, edge, "?name={{ticket.customer.name}}", 4719) == (
        "name=%D9%84%D9%8A%D9%84%D9%89%20%D8%A7%D9%84%D8%AD%D8%B3%D9%86"
    )
    assert edge.requests[0].query["name"] == "ليلى الحسن"


async def test_percent_encoded_braces_are_not_a_variable(helpdesk: Helpdesk, edge: Edge) -> None:
    query = "?email=%7B%7Bticket.customer.email%7D%7D"
    assert await get_query(helpdesk, edge, query, 4711) == query[1:]


@pytest.mark.parametrize(
    ("absent", "arrives"), [("none", "None"), ("empty", ""), ("literal", "{{ticket.customer.email}}")]
)
async def test_absent_value_arrives_in_each_way_that_was_seen(
    helpdesk: Helpdesk, edge: Edge, absent: str, arrives: str
) -> None:
    await helpdesk.switch(absent_value=absent)
    await get_query(helpdesk, edge, EMAIL, 4714)
    assert edge.requests[0].query["email"] == arrives


async def test_custom_headers_are_rendered_and_sent_unless_switched_off(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.install(headers={"Authorization": "Bearer s3cret-s3cret", "X-Ticket": "{{ticket.id}}"})
    await helpdesk.fire()
    await helpdesk.get_calls(1)
    await helpdesk.switch(send_custom_headers=False)
    await helpdesk.fire("add-tag", "again")
    await helpdesk.get_calls(2)
    headers = [(r.headers.get("Authorization"), r.headers.get("X-Ticket")) for r in edge.requests]
    assert headers == [("Bearer s3cret-s3cret", "4711"), (None, None)]


async def test_post_without_a_form_has_an_empty_body(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.install(method="POST")
    await helpdesk.fire()
    await helpdesk.get_calls(1)
    assert (edge.requests[0].method, edge.bodies) == ("POST", [""])


@pytest.mark.parametrize(
    ("value", "text"), [(True, "True"), (None, "None"), (5, "5"), (1.5, "1.5"), ("x", "x"), ("", "")]
)
def test_value_is_written_the_python_way(value: object, text: str) -> None:
    assert render("{{a.b}}", {"a": {"b": value}}, AbsentValue.NONE) == text
