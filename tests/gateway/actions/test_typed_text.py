"""Agents type text: only hidden parameters are template variables."""

import grpc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.actions.parameters import parse_award_form
from gateway.installation.buttons import Buttons
from gateway.widget.template import render_template
from tests.gateway.actions.outcomes import APPLIED
from tests.gateway.edge.running import Gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty

LIKE_VARIABLES = ["None", "{{a}}", "{{ticket.id}}", "{{ }}", "null", "True", "'None'", "NaN"]


async def test_note_and_reason_are_kept_as_they_are_typed(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    """The values come as a form, as JSON, and in the URL."""
    for typed in LIKE_VARIABLES:
        with subtests.test(typed=typed):
            scripted.award = APPLIED
            fields = {"points": "100", "ticket_id": "4711", "note": typed, "reason": typed}
            url, headers = (
                f"{gateway.url}/gorgias/actions/award-points",
                {"Authorization": f"Bearer {gateway.credential}"},
            )
            tokens = [{"award_token": gateway.tokens.make("member-1")} for _ in range(2)]
            answers = [
                await gateway.press(**fields),
                await gateway.session.post(url, json=fields | tokens[0], headers=headers),
                await gateway.session.post(url, params=fields | tokens[1], headers=headers),
            ]
            assert [answer.status for answer in answers] == [200] * 3
            assert [(request.note, request.reason) for request in scripted.award_requests[-3:]] == [(typed, typed)] * 3


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=100))
@example("{{a}} and {{b}}")
@example(" None ")
def test_typed_text_is_kept(typed: str) -> None:
    """Only the space around it is removed."""
    form = parse_award_form({"points": "1", "note": typed, "reason": typed})
    assert (form.note, form.reason) == (typed.strip(), typed.strip())


async def test_field_without_a_value_is_empty(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """The field is missing, or null in JSON. A null in JSON also replaces a value in the URL."""
    scripted.award = APPLIED
    fields = {"award_token": gateway.tokens.make("member-1"), "points": 100, "ticket_id": 4711}
    url = f"{gateway.url}/gorgias/actions/award-points?token={gateway.credential}"
    missing = await gateway.session.post(url, json=fields)
    null = await gateway.session.post(f"{url}&note=old&reason=old", json=fields | {"note": None, "reason": None})
    assert [missing.status, null.status] == [200, 200]
    assert [(request.note, request.reason) for request in scripted.award_requests] == [("", "")] * 2


async def test_null_reason_means_that_the_button_asked_for_one(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.merchant.award_reasons.append("Goodwill")
    scripted.award = Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name="reason")
    fields = {"award_token": gateway.tokens.make("member-1"), "points": 1, "ticket_id": 4711, "reason": None}
    url = f"{gateway.url}/gorgias/actions/award-points?token={gateway.credential}"
    body = await (await gateway.session.post(url, json=fields)).json()
    assert body["message"] == "Not added. Type one of these reasons, or its first letters: Goodwill."


ABSENT: list[str] = ["None", "{{current_user.name}}", ""]


async def test_hidden_field_that_gorgias_did_not_fill_is_empty(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for absent in ABSENT:
        with subtests.test(absent=absent):
            scripted.award = APPLIED
            await gateway.press(agent_name=absent, agent_email=absent)
            request = scripted.award_requests[-1]
            assert (request.claimed_agent_name, request.claimed_agent_email) == ("", "")


@pytest.mark.parametrize("variant", ["list", "conservative"])
def test_fields_to_type_into_begin_empty(variant: str) -> None:
    """A variable that Gorgias does not know would stand in the field as text."""
    template = render_template(
        variant=variant,  # type: ignore[arg-type] # one of the two
        public_url="https://edge.example",
        credential="c",
        buttons=Buttons(reasons=("Goodwill",), removes_points=True),
    )
    fields = [node for node in _walk(template) if isinstance(node, dict) and node.get("editable")]
    assert {node["key"] for node in fields} == {"points", "reason", "note", "support_id"}
    assert {node["value"] for node in fields} == {""}


def _walk(node: object) -> list[object]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [node, *(found for one in inner for found in _walk(one))]
