"""Finds a card in an installed template, and the part of the held response that it shows."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sandbox.gorgias.variables import find_value


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a card: the position of each node on the path to it, and the shown item of each list on the path."""

    nodes: list[int]
    items: list[int] = []


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card of the template, and the value that its paths and `{{field}}` are relative to."""

    node: dict[str, Any]
    scope: Any


def find_card(template: dict[str, Any], response: Any, place: Place) -> Card | None:  # noqa: ANN401 - any JSON
    """Find a card; None if the template or the response has no such place."""
    node, scope, items = template, response, list(place.items)
    for position in place.nodes:
        children = node.get("widgets") or []
        if position >= len(children):
            return None
        node = children[position]
        if node.get("type") in ("card", "list"):
            scope = find_value(scope, node.get("path") or "")
        if node.get("type") == "list":
            if not items or not isinstance(scope, list) or items[0] >= len(scope):
                return None
            scope = scope[items.pop(0)]
    return Card(node=node, scope=scope) if node.get("type") == "card" else None


def find_button(card: Card, position: int) -> dict[str, Any] | None:
    custom = find_value(card.node, "meta.custom.buttons")
    buttons: Sequence[Any] = custom if isinstance(custom, list) else []
    button = buttons[position] if 0 <= position < len(buttons) else None
    return button if isinstance(button, dict) else None
