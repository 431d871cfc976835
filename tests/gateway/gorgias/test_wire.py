from typing import Any

import msgspec
import pytest

from gateway.gorgias.wire import (
    TRIGGERS,
    Parameter,
    parse_error_message,
    parse_integration,
    parse_page,
    parse_widget,
    render_button,
    render_card,
    render_integration,
    render_list,
    render_text,
    render_wrapper,
)

CREDENTIAL = "tg_" + "a" * 43


def render_stored(**http: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """Render an integration as Gorgias returns it."""
    body = render_integration(public_url="https://edge.example", credential=CREDENTIAL)
    return {
        **body,
        "id": 7,
        "http": {**body["http"], **http},
        "deactivated_datetime": None,
        "uri": "/api/integrations/7/",
    }


def test_integration_has_what_the_contract_requires_and_no_form() -> None:
    body = render_integration(public_url="https://edge.example", credential=CREDENTIAL)
    assert set(body) == {"name", "description", "type", "http"}
    assert body["type"] == "http"
    assert set(body["http"]) == {
        "url",
        "method",
        "headers",
        "request_content_type",
        "response_content_type",
        "triggers",
    }
    assert body["http"]["method"] == "GET"
    assert body["http"]["triggers"] == {
        "ticket-created": True,
        "ticket-updated": True,
        "ticket-message-created": True,
        "ticket-status-updated": True,
        "ticket-assignment-updated": True,
        "ticket-self-unsnoozed": True,
        "ticket-handed-over": True,
    }


def test_button_is_a_form_with_its_parameters_in_order() -> None:
    parameters = [
        Parameter(key="points", label="Points", editable=True, mandatory=True),
        Parameter(key="a", value="{{b}}"),
    ]
    button = render_button("Add", "https://edge.example/x", CREDENTIAL, parameters)
    assert button == {
        "label": "Add",
        "action": {
            "method": "POST",
            "url": "https://edge.example/x",
            "headers": [{"key": "Authorization", "value": f"Bearer {CREDENTIAL}"}],
            "params": [],
            "body": {
                "contentType": "application/x-www-form-urlencoded",
                "application/json": {},
                "application/x-www-form-urlencoded": [
                    {"key": "points", "value": "", "label": "Points", "editable": True, "mandatory": True},
                    {"key": "a", "value": "{{b}}", "label": "", "editable": False, "mandatory": False},
                ],
            },
        },
    }


def test_template_nodes_are_spelled_as_the_contract_shows_them() -> None:
    item = render_card("", "Coupon", [render_text("line", "Coupon", 0)], display=False)
    link = {"label": "Profile", "url": "{{profile_url}}"}
    card = render_card("", "TRIFFT", [render_list("coupons", item, 1)], links=[link], link="{{profile_url}}", order=2)
    assert render_wrapper([card]) == {
        "type": "wrapper",
        "widgets": [
            {
                "type": "card",
                "path": "",
                "title": "TRIFFT",
                "order": 2,
                "meta": {"displayCard": True, "link": "{{profile_url}}", "custom": {"links": [link]}},
                "widgets": [
                    {
                        "type": "list",
                        "path": "coupons",
                        "order": 1,
                        "meta": {"limit": "", "orderBy": ""},
                        "widgets": [
                            {
                                "type": "card",
                                "path": "",
                                "title": "Coupon",
                                "order": 0,
                                "meta": {"displayCard": False},
                                "widgets": [{"type": "text", "path": "line", "title": "Coupon", "order": 0}],
                            }
                        ],
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("body", "cursor"),
    [
        ([1, 2], None),
        ({"data": [1, 2]}, None),
        ({"data": [1, 2], "meta": {"prev_cursor": None, "next_cursor": None}, "object": "list"}, None),
        ({"data": [1, 2], "meta": {"next_cursor": "abc"}}, "abc"),
        ({"data": [1, 2], "meta": {"next_cursor": 7}}, "7"),
        ({"data": [1, 2], "meta": {"next_cursor": ""}}, None),
        ({"data": [1, 2], "meta": {"next_cursor": {"odd": True}}}, None),
        ({"data": [1, 2], "meta": None}, None),
        ({"data": [1, 2], "meta": "odd"}, None),
        ({"data": [1, 2], "meta": ["odd"]}, None),
    ],
)
def test_page_is_read_bare_and_with_cursors(body: object, cursor: str | None) -> None:
    page = parse_page(body)
    assert (page.items, page.next_cursor) == ([1, 2], cursor)


@pytest.mark.parametrize(
    "body", [None, "text", {}, {"data": {}}, {"data": [0] * 100, "meta": {"next_cursor": {"odd": 1}}}]
)
def test_page_of_another_shape_is_refused(body: object) -> None:
    """A full page with an unreadable cursor is refused, too: our record may be on the next page."""
    with pytest.raises(msgspec.ValidationError):
        parse_page(body)


@pytest.mark.parametrize("separator", ["-", "_"])
def test_integration_triggers_are_read_in_both_spellings(separator: str) -> None:
    triggers = {name.replace("-", separator): True for name in TRIGGERS} | {"ticket-message-failed": False}
    assert parse_integration(render_stored(triggers=triggers)).triggers == set(TRIGGERS)


def test_integration_credential_is_found_in_the_url_or_else_in_the_header() -> None:
    in_header = {"url": "https://edge.example/gorgias/widget", "headers": {"authorization": f"bearer {CREDENTIAL}"}}
    assert parse_integration(render_stored(headers={})).credential == CREDENTIAL
    assert parse_integration(render_stored(**in_header)).credential == CREDENTIAL
    assert parse_integration(render_stored(url="https://other.example/", headers=None)).credential == ""
    assert CREDENTIAL not in repr(parse_integration(render_stored()))


def test_widget_without_a_context_is_one_for_tickets() -> None:
    widget = parse_widget({"id": 3, "integration_id": 7, "template": {"type": "wrapper"}})
    assert (widget.context, widget.is_deactivated) == ("ticket", False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"error": {"msg": "Bad.", "data": {"http.url": ["Not a URL."], "name": ["Missing."]}}},
            "Bad. (http.url, name)",
        ),
        ({"error": {"msg": "Bad."}}, "Bad."),
        ({"error": "Bad."}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_error_message_names_the_fields(body: object, message: str) -> None:
    assert parse_error_message(body) == message
