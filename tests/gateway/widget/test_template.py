"""The template reads only fields that the view returns, and its buttons say what they send."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest

from gateway.installation.buttons import Buttons
from gateway.widget.template import (
    AWARD_ROUTE,
    DEDUCT_ROUTE,
    LINK_ROUTE,
    UNDO_ROUTE,
    UNLINK_ROUTE,
    Variant,
    render_template,
)
from gateway.widget.undo import Undo
from gateway.widget.view import LinkButton, LinkedRow, View, render_body, render_member
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.widget.test_view import NOW, SHOP, make_snapshot, make_views
from tests.gateway.wording.test_support import make_award

VARIANTS = get_args(Variant)
REMOVING = Buttons(removes_points=True)
REASONS = ("Late delivery", "Damaged item", "Goodwill")


def render(variant: Variant, buttons: Buttons = Buttons()) -> dict[str, Any]:  # noqa: B008 - frozen
    return render_template(variant=variant, public_url="https://edge.example", credential="tg_x", buttons=buttons)


def make_full_view() -> View:
    """Make a view with an item in every list."""
    award = make_award(until=NOW + timedelta(minutes=25))
    details = pb.Member(pending_points=50, recent_movements=[pb.Movement(change="100")])
    snapshot = make_snapshot(given_by_support=pb.SupportAwards(awards=[award]), member=details)
    view = render_member(snapshot, "token", SHOP, NOW, undo=Undo(award=award, token="bound"))
    link, linked = LinkButton(link_token="token"), LinkedRow(title="Linked by Ana, 23 Nov", unlink_token="token")
    return msgspec.structs.replace(view, link_member=(link,), linked=(linked,))


def iter_read(node: Any, scope: Any, way: str = "") -> Iterator[tuple[str, bool]]:  # noqa: ANN401 - JSON
    """Yield every path and `{{field}}` of a template from the root, and whether its scope has it."""
    path = node.get("path", "")
    if path:
        way = f"{way}.{path}"
        yield way, path in scope
        if path not in scope:
            return
    inner = scope[path] if path else scope
    scopes = inner if node["type"] == "list" else [inner]
    for item in scopes:
        for field in re.findall(r"\{\{(\w+)\}\}", f"{node.get('meta', '')}{node.get('title', '')}"):
            yield f"{way}.{field}", field in item
        for child in node.get("widgets", ()):
            yield from iter_read(child, item, way)


def iter_buttons(node: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    yield from node.get("meta", {}).get("custom", {}).get("buttons", ())
    for child in node.get("widgets", ()):
        yield from iter_buttons(child)


def find_buttons(variant: Variant, buttons: Buttons = Buttons()) -> dict[str, Any]:  # noqa: B008 - frozen
    return {button["label"]: button for button in iter_buttons(render(variant, buttons))}


def list_parameters(button: Any) -> list[Any]:  # noqa: ANN401 - JSON
    body = button["action"]["body"]
    return list(body[body["contentType"]])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("status", ["member", "blocked", "not_member", "ambiguous", "no_identity", "unavailable"])
def test_template_reads_only_what_the_view_returns(variant: Variant, status: str) -> None:
    view = msgspec.to_builtins(render_body(make_views()[status]))
    assert [way for way, is_there in iter_read(render(variant, REMOVING), view) if not is_there] == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_template_reads_only_existing_fields_of_each_item_of_a_list(variant: Variant) -> None:
    view = msgspec.to_builtins(render_body(make_full_view()))
    assert [way for way, is_there in iter_read(render(variant, REMOVING), view) if not is_there] == []


@pytest.mark.parametrize(
    ("variant", "ways"),
    [
        (
            "list",
            {
                ".add_points.award_token",
                ".add_points.deduct_token",
                ".details.line",
                ".movement_list.movements.line",
                ".support_awards.line",
                ".undo.title",
                ".undo.undo_token",
                ".link_member.link_token",
                ".linked.title",
                ".linked.unlink_token",
                ".coupon_list.coupons.line",
            },
        ),
        (
            "conservative",
            {
                *(".details_text", ".support_awards_text", ".undo_text", ".undo_token", ".coupons_text"),
                *(".award_token", ".deduct_token", ".linked_text", ".link_token", ".unlink_token"),
            },
        ),
    ],
)
def test_template_shows_each_fact_where_its_variant_has_it(variant: Variant, ways: set[str]) -> None:
    assert ways <= {
        way for way, _ in iter_read(render(variant, REMOVING), msgspec.to_builtins(render_body(make_full_view())))
    }


def test_template_conservative_has_cards_and_texts_only() -> None:
    assert set(re.findall(r"'type': '(\w+)'", str(render("conservative")))) == {"wrapper", "card", "text"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_button_sends_its_own_token_the_agent_and_the_ticket(variant: Variant) -> None:
    sent = {
        label: (button["action"]["url"], [parameter["key"] for parameter in list_parameters(button)])
        for label, button in find_buttons(variant).items()
    }
    click = ["ticket_id", "agent_email", "agent_name"]
    assert sent == {
        "Add Loyalty Points": (f"https://edge.example{AWARD_ROUTE}", ["award_token", "points", "note", *click]),
        "Undo last award": (f"https://edge.example{UNDO_ROUTE}", ["undo_token", *click]),
        "Link to member": (f"https://edge.example{LINK_ROUTE}", ["link_token", "support_id", *click]),
        "Unlink": (f"https://edge.example{UNLINK_ROUTE}", ["unlink_token", *click]),
    }
    for label in ("Undo last award", "Unlink"):
        assert not any(parameter["editable"] for parameter in list_parameters(find_buttons(variant)[label]))


@pytest.mark.parametrize("variant", VARIANTS)
def test_button_that_links_asks_for_the_support_id(variant: Variant) -> None:
    token, support_id, *_ = list_parameters(find_buttons(variant)["Link to member"])
    assert (token["value"], token["editable"]) == ("{{link_token}}", False)
    assert support_id["label"] == "Support ID (the customer reads it in their app)"
    assert (support_id["editable"], support_id["mandatory"]) == (True, True)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("reasons", "label"),
    [((), "Reason"), (REASONS, "Reason (type the first letters: Late delivery, Damaged item, Goodwill)")],
)
def test_button_that_removes_points_asks_for_a_reason(variant: Variant, reasons: tuple[str, ...], label: str) -> None:
    deduct = find_buttons(variant, Buttons(reasons=reasons, removes_points=True))["Remove points"]
    assert deduct["action"]["url"] == f"https://edge.example{DEDUCT_ROUTE}"
    token, points, reason, note, *click = list_parameters(deduct)
    assert (token["key"], token["value"], token["editable"]) == ("deduct_token", "{{deduct_token}}", False)
    assert [(one["key"], one["label"], one["editable"], one["mandatory"]) for one in (points, reason, note)] == [
        ("points", "Points to remove (100 = 100 points)", True, True),
        ("reason", label, True, True),
        ("note", "Note (optional, the customer may see it)", True, False),
    ]
    assert [parameter["key"] for parameter in click] == ["ticket_id", "agent_email", "agent_name"]


def test_buttons_that_change_points_stand_together() -> None:
    [card] = render("list", REMOVING)["widgets"]
    [add] = [node for node in card["widgets"] if node["path"] == "add_points"]
    assert [button["label"] for button in iter_buttons(add)] == ["Add Loyalty Points", "Remove points"]
    [card] = render("conservative", REMOVING)["widgets"]
    labels = [button["label"] for button in card["meta"]["custom"]["buttons"]]
    assert labels[:3] == ["Add Loyalty Points", "Remove points", "Undo last award"]


def test_each_button_has_a_card_that_can_be_absent() -> None:
    [card] = render("list")["widgets"]
    assert "buttons" not in card["meta"]["custom"]
    lists = {node["path"]: node for node in card["widgets"] if node["type"] == "list"}
    labels = {path: [button["label"] for button in iter_buttons(node)] for path, node in lists.items()}
    assert {path: found for path, found in labels.items() if found} == {
        "add_points": ["Add Loyalty Points"],
        "link_member": ["Link to member"],
        "linked": ["Unlink"],
        "undo": ["Undo last award"],
    }


def test_conservative_template_keeps_its_buttons_on_the_card() -> None:
    [card] = render("conservative")["widgets"]
    labels = [button["label"] for button in card["meta"]["custom"]["buttons"]]
    assert labels == ["Add Loyalty Points", "Undo last award", "Link to member", "Unlink"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_reason_is_asked_for_where_the_shop_has_reasons(variant: Variant) -> None:
    buttons = find_buttons(variant, Buttons(reasons=REASONS))
    award = buttons.pop("Add Loyalty Points")
    assert [parameter["key"] for parameter in list_parameters(award)][1:4] == ["points", "reason", "note"]
    reason = list_parameters(award)[2]
    assert reason["label"] == "Reason (type the first letters: Late delivery, Damaged item, Goodwill)"
    assert (reason["editable"], reason["mandatory"]) == (True, True)
    assert "reason" not in {one["key"] for button in buttons.values() for one in list_parameters(button)}


def test_rows_follow_in_the_order_in_which_agents_read() -> None:
    [card] = render("list")["widgets"]
    assert [node["path"] for node in sorted(card["widgets"], key=lambda node: node["order"])] == [
        "add_points",
        "link_member",
        "summary",
        "as_of",
        "last_try",
        "member",
        "linked",
        "details",
        "support_awards",
        "undo",
        "coupon_list",
        "movement_list",
    ]
