"""The Gorgias template that reads exactly what `view.py` returns. One template serves every status."""

from collections.abc import Sequence
from typing import Literal

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
from runtime.text import isolate

Variant = Literal["list", "conservative"]

AWARD_ROUTE = "/gorgias/actions/award-points"
DEDUCT_ROUTE = "/gorgias/actions/deduct-points"
UNDO_ROUTE = "/gorgias/actions/undo-award"

CARD_TITLE = "TRIFFT"
BUTTON_LABEL = "Add Loyalty Points"
DEDUCT_LABEL = "Remove points"
UNDO_LABEL = "Undo last award"
PROFILE_URL = "{{profile_url}}"
PROFILE_LINK = {"label": "{{profile_label}}", "url": PROFILE_URL}

_HEAD = (("summary", "Loyalty"), ("as_of", "Data from"))
_MEMBER = (
    ("segments", "Segments"),
    ("full_name", "Full name"),
    ("support_id", "Referral / support ID"),
    ("points", "Points"),
    ("tier", "Tier"),
    ("favorite_venue", "Favorite location"),
)
_LAST_TRY = "Last try"
_SUPPORT = "Given by support"
_LAST = "Last award"
_COUPONS = "Coupons"
_FLAT = (
    *_HEAD,
    ("last_try_text", _LAST_TRY),
    *_MEMBER,
    ("support_awards_text", _SUPPORT),
    ("undo_text", UNDO_LABEL),
    ("coupons_text", _COUPONS),
)

# A token goes with the click, so that it acts on the member, or the award, that the agent was looking at.
_AWARD_TOKEN = Parameter(key="award_token", value="{{award_token}}", mandatory=True)
_DEDUCT_TOKEN = Parameter(key="deduct_token", value="{{deduct_token}}", mandatory=True)
_UNDO_TOKEN = Parameter(key="undo_token", value="{{undo_token}}", mandatory=True)
_POINTS = Parameter(key="points", label="Points to add (100 = 100 points)", editable=True, mandatory=True)
_POINTS_TO_REMOVE = Parameter(key="points", label="Points to remove (100 = 100 points)", editable=True, mandatory=True)
_NOTE = Parameter(key="note", label="Note (optional, the customer may see it)", editable=True)
_CLICK = (
    Parameter(key="ticket_id", value="{{ticket.id}}"),
    Parameter(key="agent_email", value="{{current_user.email}}"),
    Parameter(key="agent_name", value="{{current_user.name}}"),
)


def render_template(*, variant: Variant, public_url: str, credential: str, buttons: Buttons) -> Node:
    """The whole widget. In `list`, what does not apply is absent; `conservative` uses cards and texts only.

    `public_url`: the edge's, without a slash at its end.
    """
    reason = (_render_reason(buttons.reasons),)
    typed = (_POINTS, *(reason if buttons.reasons else ()), _NOTE)
    add = [render_button(BUTTON_LABEL, public_url + AWARD_ROUTE, credential, (_AWARD_TOKEN, *typed, *_CLICK))]
    if buttons.removes_points:
        typed = (_DEDUCT_TOKEN, _POINTS_TO_REMOVE, *reason, _NOTE, *_CLICK)
        add.append(render_button(DEDUCT_LABEL, public_url + DEDUCT_ROUTE, credential, typed))
    undo = render_button(UNDO_LABEL, public_url + UNDO_ROUTE, credential, (_UNDO_TOKEN, *_CLICK))
    if variant == "list":
        return _render_widget(_render_list_rows(add, undo))
    return _render_widget(_render_texts(_FLAT), (*add, undo))


def _render_reason(reasons: Sequence[str]) -> Parameter:
    """Mandatory. `reasons`: of which one is to be typed; empty: it may be any."""
    choice = f" (type the first letters: {', '.join(map(isolate, reasons))})" if reasons else ""
    return Parameter(key="reason", label=f"Reason{choice}", editable=True, mandatory=True)


def _render_widget(rows: Sequence[Node], buttons: Sequence[Node] = ()) -> Node:
    card = render_card("", CARD_TITLE, rows, links=(PROFILE_LINK,), buttons=buttons, link=PROFILE_URL)
    return render_wrapper((card,))


def _render_list_rows(add: Sequence[Node], undo: Node) -> list[Node]:
    """The buttons to add and to remove points come first, as on the card of the conservative template."""
    given = render_text("line", _SUPPORT, 0)
    coupon = render_card("", "Coupon", [render_text("line", "Coupon", 0)], display=False)
    lists = (
        ("last_try", render_card("", _LAST_TRY, [render_text("line", _LAST_TRY, 0)], display=False)),
        ("member", render_card("", "Member", _render_texts(_MEMBER), display=False)),
        ("support_awards", render_card("", _SUPPORT, [given], display=False)),
        ("undo", render_card("", _LAST, [render_text("title", UNDO_LABEL, 0)], buttons=(undo,))),
        ("coupon_list", render_card("", _COUPONS, [render_list("coupons", coupon, 0)])),
    )
    first = render_list("add_points", render_card("", BUTTON_LABEL, [], buttons=add, display=False), 0)
    head = _render_texts(_HEAD, first=1)
    return [first, *head, *(render_list(path, card, order) for order, (path, card) in enumerate(lists, 1 + len(head)))]


def _render_texts(rows: Sequence[tuple[str, str]], first: int = 0) -> list[Node]:
    return [render_text(path, title, order) for order, (path, title) in enumerate(rows, first)]
