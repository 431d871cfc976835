"""The Gorgias template that reads exactly what `view.py` returns. One template serves every status."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gateway.gorgias.wire import (
    Node,
    Parameter,
    render_button,
    render_card,
    render_list,
    render_text,
    render_wrapper,
)
from gateway.installation.buttons import Buttons
from gateway.wording.panel import labels
from gateway.wording.panel.member import MEMBER_FIELDS

Variant = Literal["list", "conservative"]

AWARD_ROUTE = "/gorgias/actions/award-points"
DEDUCT_ROUTE = "/gorgias/actions/deduct-points"
UNDO_ROUTE = "/gorgias/actions/undo-award"
LINK_ROUTE = "/gorgias/actions/link-member"
UNLINK_ROUTE = "/gorgias/actions/unlink-member"

_PROFILE_URL = "{{profile_url}}"
_PROFILE_LINK = {"label": "{{profile_label}}", "url": _PROFILE_URL}

_HEAD = (("summary", labels.SUMMARY), ("as_of", labels.AS_OF))
_MEMBER = tuple((field.key, field.label) for field in MEMBER_FIELDS)
_FLAT = (
    *_HEAD,
    ("last_try_text", labels.LAST_TRY),
    *_MEMBER,
    ("linked_text", labels.LINK),
    ("details_text", labels.DETAILS),
    ("support_awards_text", labels.SUPPORT),
    ("undo_text", labels.UNDO_BUTTON),
    ("coupons_text", labels.COUPONS),
)

# The click sends a token, so that it acts on the member or the award that the agent saw.
_AWARD_TOKEN = Parameter(key="award_token", value="{{award_token}}", mandatory=True)
_DEDUCT_TOKEN = Parameter(key="deduct_token", value="{{deduct_token}}", mandatory=True)
_UNDO_TOKEN = Parameter(key="undo_token", value="{{undo_token}}", mandatory=True)
_LINK_TOKEN = Parameter(key="link_token", value="{{link_token}}", mandatory=True)
_UNLINK_TOKEN = Parameter(key="unlink_token", value="{{unlink_token}}", mandatory=True)
_SUPPORT_ID = Parameter(key="support_id", label=labels.SUPPORT_ID, editable=True, mandatory=True)
_POINTS = Parameter(key="points", label=labels.POINTS_TO_ADD, editable=True, mandatory=True)
_POINTS_TO_REMOVE = Parameter(key="points", label=labels.POINTS_TO_REMOVE, editable=True, mandatory=True)
_NOTE = Parameter(key="note", label=labels.NOTE, editable=True)
_CLICK = (
    Parameter(key="ticket_id", value="{{ticket.id}}"),
    Parameter(key="agent_email", value="{{current_user.email}}"),
    Parameter(key="agent_name", value="{{current_user.name}}"),
)


class _Others(NamedTuple):
    """The buttons besides those that add and remove points."""

    undo: Node
    link: Node
    unlink: Node


def render_template(*, variant: Variant, public_url: str, credential: str, buttons: Buttons) -> Node:
    """Render the whole widget. Only `list` leaves out what does not apply; `conservative` has cards and texts.

    `public_url`: the gateway's, without a slash at its end.
    """
    reason = (Parameter(key="reason", label=labels.label_reason(buttons.reasons), editable=True, mandatory=True),)
    typed = (_POINTS, *(reason if buttons.reasons else ()), _NOTE)
    add = [render_button(labels.AWARD_BUTTON, public_url + AWARD_ROUTE, credential, (_AWARD_TOKEN, *typed, *_CLICK))]
    if buttons.removes_points:
        typed = (_DEDUCT_TOKEN, _POINTS_TO_REMOVE, *reason, _NOTE, *_CLICK)
        add.append(render_button(labels.DEDUCT_BUTTON, public_url + DEDUCT_ROUTE, credential, typed))
    others = _Others(
        undo=render_button(labels.UNDO_BUTTON, public_url + UNDO_ROUTE, credential, (_UNDO_TOKEN, *_CLICK)),
        link=render_button(
            labels.LINK_BUTTON, public_url + LINK_ROUTE, credential, (_LINK_TOKEN, _SUPPORT_ID, *_CLICK)
        ),
        unlink=render_button(labels.UNLINK_BUTTON, public_url + UNLINK_ROUTE, credential, (_UNLINK_TOKEN, *_CLICK)),
    )
    if variant == "list":
        return _render_widget(_render_list_rows(add, others))
    return _render_widget(_render_texts(_FLAT), (*add, others.undo, others.link, others.unlink))


def _render_widget(rows: Sequence[Node], buttons: Sequence[Node] = ()) -> Node:
    card = render_card("", labels.CARD, rows, links=(_PROFILE_LINK,), buttons=buttons, link=_PROFILE_URL)
    return render_wrapper((card,))


def _render_list_rows(add: Sequence[Node], others: _Others) -> list[Node]:
    """The buttons to add and to remove points, or to link, come first, as on the card of the conservative template."""
    given = render_text("line", labels.SUPPORT, 0)
    coupon = render_card("", labels.COUPON, [render_text("line", labels.COUPON, 0)], display=False)
    movement = render_card("", labels.MOVEMENT, [render_text("line", labels.MOVEMENT, 0)], display=False)
    lists = (
        ("last_try", render_card("", labels.LAST_TRY, [render_text("line", labels.LAST_TRY, 0)], display=False)),
        ("member", render_card("", labels.MEMBER, _render_texts(_MEMBER), display=False)),
        ("linked", _render_pressable(labels.LINK, labels.LINK, others.unlink)),
        ("details", render_card("", labels.DETAILS, [render_text("line", labels.DETAILS, 0)], display=False)),
        ("support_awards", render_card("", labels.SUPPORT, [given], display=False)),
        (
            "undo",
            render_card("", labels.LAST_AWARD, [render_text("title", labels.UNDO_BUTTON, 0)], buttons=(others.undo,)),
        ),
        ("coupon_list", render_card("", labels.COUPONS, [render_list("coupons", coupon, 0)])),
        ("movement_list", render_card("", labels.MOVEMENTS, [render_list("movements", movement, 0)])),
    )
    link = render_card("", labels.LINK_BUTTON, [], buttons=(others.link,), display=False)
    first = [
        render_list("add_points", render_card("", labels.AWARD_BUTTON, [], buttons=add, display=False), 0),
        render_list("link_member", link, 1),
    ]
    head = _render_texts(_HEAD, first=len(first))
    order = len(first) + len(head)
    return [*first, *head, *(render_list(path, card, place) for place, (path, card) in enumerate(lists, order))]


def _render_pressable(title: str, row: str, button: Node) -> Node:
    """A card with the row `title` of its item, and a button."""
    return render_card("", title, [render_text("title", row, 0)], buttons=(button,))


def _render_texts(rows: Sequence[tuple[str, str]], first: int = 0) -> list[Node]:
    return [render_text(path, title, order) for order, (path, title) in enumerate(rows, first)]
