"""The Gorgias template that reads exactly what `view.py` returns. One template serves every status."""

from collections.abc import Sequence
from typing import Any, Literal

from gateway.gorgias.wire import (
    Parameter,
    render_button,
    render_card,
    render_list,
    render_text,
    render_wrapper,
)

Variant = Literal["list", "conservative"]
Node = dict[str, Any]

CARD_TITLE = "TRIFFT"
BUTTON_LABEL = "Add Loyalty Points"
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
_COUPONS = ("coupons_text", "Coupons")

# The award token goes with the click, so that the points reach the member whom the agent was looking at.
_PARAMETERS = (
    Parameter(key="award_token", value="{{award_token}}", mandatory=True),
    Parameter(key="points", label="Points to add (100 = 100 points)", editable=True, mandatory=True),
    Parameter(key="note", label="Note (optional, the customer may see it)", editable=True),
    Parameter(key="ticket_id", value="{{ticket.id}}"),
    Parameter(key="agent_email", value="{{current_user.email}}"),
    Parameter(key="agent_name", value="{{current_user.name}}"),
)


def render_template(*, variant: Variant, action_url: str, credential: str) -> dict[str, Any]:
    """The whole widget. `list` makes rows that do not apply absent; `conservative` uses cards and texts only."""
    rows = _render_list_rows() if variant == "list" else _render_texts((*_HEAD, *_MEMBER, _COUPONS))
    button = render_button(BUTTON_LABEL, action_url, credential, _PARAMETERS)
    card = render_card("", CARD_TITLE, rows, links=(PROFILE_LINK,), buttons=(button,), link=PROFILE_URL)
    return render_wrapper((card,))


def _render_list_rows() -> list[Node]:
    head = _render_texts(_HEAD)
    member = render_card("", "Member", _render_texts(_MEMBER), display=False)
    line = render_card("", "Coupon", [render_text("line", "Coupon", 0)], display=False)
    coupons = render_card("", "Coupons", [render_list("coupons", line, 0)])
    return [*head, render_list("member", member, len(head)), render_list("coupon_list", coupons, len(head) + 1)]


def _render_texts(rows: Sequence[tuple[str, str]]) -> list[Node]:
    return [render_text(path, title, order) for order, (path, title) in enumerate(rows)]
