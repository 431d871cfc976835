"""Action buttons: what Execute sends, and what the agent reads."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from tests.sandbox.gorgias.helpdesk import Edge, Helpdesk

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PARAMETERS = [
    {"key": "award_token", "value": "{{award_token}}", "label": "", "editable": False, "mandatory": True},
    {"key": "points", "value": "", "label": "Points to add", "editable": True, "mandatory": True},
    {"key": "note", "value": "", "label": "Note", "editable": True, "mandatory": False},
    {"key": "ticket_id", "value": "{{ticket.id}}", "editable": False, "mandatory": False},
    {"key": "agent_email", "value": "{{current_user.email}}", "editable": False, "mandatory": False},
    {"key": "agent_name", "value": "{{current_user.name}}", "editable": False, "mandatory": False},
]
RESPONSE = {"award_token": "t0ken", "coupons": [{"id": "first"}, {"id": "second"}]}
TYPED = {"points": " 100 ", "note": "{{ticket.id}} & <b>"}


def make_card(edge: Edge, body: dict[str, Any], **action: object) -> dict[str, Any]:
    headers = [{"key": "Authorization", "value": "Bearer s3cret-s3cret"}]
    url = f"{edge.url}/award?member={{{{award_token}}}}"
    button = {"label": "Add", "action": {"method": "POST", "url": url, "headers": headers, "body": body} | action}
    return {"meta": {"custom": {"buttons": [button]}}}


async def press(helpdesk: Helpdesk, card: dict[str, Any], values: dict[str, str], **changes: object) -> Any:  # noqa: ANN401
    widget_id = await helpdesk.install_widget(await helpdesk.install(), card)
    pressed = {
        "widget_id": widget_id,
        "response": RESPONSE,
        "place": {"nodes": [0], "items": []},
        "button": 0,
        "values": values,
        "agent": "ben@acme.example",
    }
    path = "/sandbox/gorgias/acme/tickets/4711/actions"
    async with helpdesk.client.post(path, json=pressed | changes) as response:
        return response.status, await response.json()


async def test_form_is_sent_with_the_cards_fields_and_typed_values(helpdesk: Helpdesk, edge: Edge) -> None:
    """Typed text is not a template, and is sent unchanged."""
    edge.answer = (200, '{"status": "applied", "message": "100 points added."}')
    card = make_card(edge, {"contentType": FORM, FORM: PARAMETERS})
    status, answer = await press(helpdesk, card, TYPED)
    [request] = edge.requests
    assert (status, answer["status"], answer["message"]) == (200, 200, "100 points added.")
    assert parse_qsl(edge.bodies[0], keep_blank_values=True) == [
        ("award_token", "t0ken"),
        ("points", " 100 "),
        ("note", "{{ticket.id}} & <b>"),
        ("ticket_id", "4711"),
        ("agent_email", "ben@acme.example"),
        ("agent_name", "Ben Ode"),
    ]
    assert (request.content_type, request.headers["Authorization"]) == (FORM, "Bearer s3cret-s3cret")
    assert request.query == {"member": "t0ken"}


@pytest.mark.parametrize(
    "body", [PARAMETERS, {parameter["key"]: parameter["value"] for parameter in PARAMETERS}], ids=["list", "object"]
)
async def test_json_is_sent_as_an_object(helpdesk: Helpdesk, edge: Edge, body: object) -> None:
    await press(helpdesk, make_card(edge, {"contentType": JSON, JSON: body}), TYPED)
    assert edge.requests[0].content_type == JSON
    assert msgspec.json.decode(edge.bodies[0]) == TYPED | {
        "award_token": "t0ken",
        "ticket_id": "4711",
        "agent_email": "ben@acme.example",
        "agent_name": "Ben Ode",
    }


async def test_get_sends_the_params_in_the_query(helpdesk: Helpdesk, edge: Edge) -> None:
    await press(helpdesk, make_card(edge, {}, method="GET", params=PARAMETERS[:2]), {"points": "1 &2"})
    assert edge.requests[0].query == {"member": "t0ken", "award_token": "t0ken", "points": "1 &2"}
    assert edge.bodies == [""]


async def test_empty_mandatory_parameter_sends_nothing(helpdesk: Helpdesk, edge: Edge) -> None:
    status, answer = await press(helpdesk, make_card(edge, {"contentType": FORM, FORM: PARAMETERS}), {"points": " "})
    assert (status, answer) == (422, {"error": "“Points to add” must be filled in."})
    assert edge.requests == []


async def test_field_missing_in_the_response_is_absent_as_the_switch_says(helpdesk: Helpdesk, edge: Edge) -> None:
    card = make_card(edge, {"contentType": FORM, FORM: PARAMETERS[:1]}, url=f"{edge.url}/award")
    await press(helpdesk, card, {}, response={})
    await helpdesk.switch(absent_value="literal")
    await press(helpdesk, card, {}, response={})
    assert edge.bodies == ["award_token=None", "award_token=%7B%7Baward_token%7D%7D"]


async def test_button_in_a_list_sees_its_own_item(helpdesk: Helpdesk, edge: Edge) -> None:
    """The button also sees the ticket and the agent, but nothing of the rest of the response."""
    names = ("id", "award_token", "ticket.id", "current_user.email")
    body = {"contentType": FORM, FORM: [{"key": name, "value": f"{{{{{name}}}}}"} for name in names]}
    item = {"type": "card", "title": "{{id}}"} | make_card(edge, body)
    card = {"widgets": [{"type": "text", "path": "x"}, {"type": "list", "path": "coupons", "widgets": [item]}]}
    status, _ = await press(helpdesk, card, {}, place={"nodes": [0, 1, 0], "items": [1]})
    assert status == 200
    assert dict(parse_qsl(edge.bodies[0])) == {
        "id": "second",
        "award_token": "None",
        "ticket.id": "4711",
        "current_user.email": "ben@acme.example",
    }


@pytest.mark.parametrize(
    "change",
    [{"widget_id": 1}, {"button": 1}, {"place": {"nodes": [5]}}, {"place": {"nodes": []}}],
)
async def test_removed_button_is_refused(helpdesk: Helpdesk, edge: Edge, change: dict[str, object]) -> None:
    status, answer = await press(helpdesk, make_card(edge, {}), {}, **change)
    assert status == 422
    assert "not" in answer["error"]
    assert edge.requests == []


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((200, '{"message": "Done."}'), "Done."),
        ((200, "[]"), "The action was carried out."),
        ((204, ""), "The action was carried out."),
        ((200, '{"message": {"a": 1}}'), "The action was carried out."),
        ((422, '{"message": "Not added."}'), "Not added."),
        ((422, "{"), "The action failed (HTTP 422)."),
        ((503, '{"message": "Try later."}'), "Try later."),
    ],
)
async def test_agent_reads_the_answers_message_or_a_sentence_for_its_status(
    helpdesk: Helpdesk, edge: Edge, answer: tuple[int, str], sentence: str
) -> None:
    edge.answer = answer
    _, shown = await press(helpdesk, make_card(edge, {}), {})
    assert (shown["status"], shown["message"]) == (answer[0], sentence)


async def test_text_of_a_refusal_is_hidden_if_the_switch_says_so(helpdesk: Helpdesk, edge: Edge) -> None:
    await helpdesk.switch(hide_refusals=True)
    edge.answers = [(422, '{"message": "Not added."}'), (503, '{"message": "Try later."}')]
    shown = [(await press(helpdesk, make_card(edge, {}), {}))[1] for _ in range(2)]
    assert [answer["message"] for answer in shown] == ["The action failed (HTTP 422).", "Try later."]
    assert shown[0]["body"] == ""


async def test_failed_action_is_not_sent_again_and_success_refreshes_nothing(helpdesk: Helpdesk, edge: Edge) -> None:
    edge.answers = [(500, "{}"), (200, "{}")]
    for _ in range(2):
        await press(helpdesk, make_card(edge, {}), {})
    assert [call["reason"] for call in await helpdesk.get_calls(2)] == ["action", "action"]
    assert await helpdesk.get_held() is None


async def test_log_masks_credentials_everywhere(helpdesk: Helpdesk, edge: Edge) -> None:
    edge.answer = (200, '{"echo": "s3cret-s3cret", "award_token": "t0ken", "message": "Done."}')
    card = make_card(edge, {"contentType": FORM, FORM: PARAMETERS}, url=f"{edge.url}/award?key=s3cret-s3cret&x=1")
    await press(helpdesk, card, TYPED)
    [call] = await helpdesk.get_calls(1)
    assert call["url"].endswith("/award?key=•••&x=1")
    assert call["request_headers"]["Authorization"] == "Bearer •••"
    assert call["request_body"].startswith("award_token=•••&points=+100+&")
    assert msgspec.json.decode(call["response_body"]) == {"echo": "•••", "award_token": "•••", "message": "Done."}
