"""How a template variable reaches the other side."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from sandbox.gorgias.switches import AbsentValue
from sandbox.gorgias.variables import encode_value, render, requote
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


async def test_value_is_put_in_as_it_is_so_a_plus_stays_a_plus(helpdesk: Helpdesk, edge: Edge) -> None:
    assert await get_query(helpdesk, edge, EMAIL, 4724) == "email=a+b@example.com"
    assert edge.requests[0].query["email"] == "a b@example.com"


async def test_value_is_percent_encoded_where_the_switch_says_so(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.switch(encode_values=True)
    assert await get_query(helpdesk, edge, EMAIL, 4724) == "email=a%2Bb%40example.com"


async def test_what_http_cannot_carry_is_percent_encoded_on_the_wire(helpdesk: Helpdesk, edge: Edge) -> None:
    assert await get_query(helpdesk, edge, "?name={{ticket.customer.name}}", 4719) == (
        "name=%D9%84%D9%8A%D9%84%D9%89%20%D8%A7%D9%84%D8%AD%D8%B3%D9%86"
    )
    assert edge.requests[0].query["name"] == "ليلى الحسن"


async def test_percent_encoded_braces_are_no_variable(helpdesk: Helpdesk, edge: Edge) -> None:
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


def test_escapes_stay_and_a_stray_percent_sign_becomes_one() -> None:
    assert requote("http://edge.example/?a=%41&b=100%&c=%zz") == "http://edge.example/?a=%41&b=100%25&c=%25zz"


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("#")
def test_any_value_makes_a_url_that_can_be_sent(value: str) -> None:
    """What follows a raw "#" is a fragment, and is not sent."""
    url = requote(render("http://edge.example/?e={{e}}", {"e": value}, AbsentValue.NONE))
    assert url.isascii()
    assert not any(character.isspace() or character in '"<>\\^`{|}' for character in url)
    assert URL(url, encoded=True).raw_path_qs == url.partition("#")[0].removeprefix("http://edge.example")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_encoded_value_arrives_unchanged(value: str) -> None:
    url = requote(render("http://edge.example/?e={{e}}", {"e": value}, AbsentValue.NONE, encode_value))
    assert parse_qs(urlsplit(url).query, keep_blank_values=True) == {"e": [value]}
