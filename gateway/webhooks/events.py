"""The events of a shop's webhooks, and the template of each webhook's body. Pure.

TRIFFT signs nothing, promises no delivery and lets the shop write the body. So these names are ours, and each webhook
has a template with its event's name.
"""

import re

import msgspec

from gateway.errors import RequestError

WEBHOOK_ROUTE = "/trifft/webhooks/{merchant}"
SECRET_HEADER = "X-Webhook-Secret"  # noqa: S105 - a header's name

# Our name and TRIFFT's documented name of each event that may change a sidebar. A change of language does not.
EVENTS = {
    "member_verified": "Member verified",
    "profile_updated": "Profile updated",
    "wallet_credited": "Wallet credited",
    "wallet_debited": "Wallet debited",
    "coupon_assigned": "Coupon assigned",
    "coupon_activated": "Coupon activated",
    "coupon_redeemed": "Coupon redeemed",
    "transaction_created": "Transaction created",
    "segment_added": "Added to segment",
    "segment_removed": "Removed from segment",
    "favorite_venue_changed": "Favourite venue changed",
}
_MEMBER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a body that we read.

    `occurred_at` is ignored, whatever its form: the snapshot is dropped as of now.
    """

    event: str
    member_id: str = ""


def render_template(event: str) -> str:
    """The body of the webhook for `event`, ready to be pasted."""
    member, time = "{{ member.id }}", "{{ event.created_at | date('U') }}"
    return f'{{"event": "{event}", "member_id": "{member}", "occurred_at": "{time}"}}'


def parse_event(body: bytes) -> tuple[str, str] | None:
    """Parse a body into event and member; None: an event that changes nothing here. Raises RequestError."""
    wanted = f"paste this as the webhook's body, with the event's own name: {render_template('wallet_credited')}"
    try:
        parsed = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(f"the body must be one JSON object with event and member_id: {wanted}") from None
    if parsed.event not in EVENTS:
        return None
    if not _MEMBER_ID.fullmatch(parsed.member_id):
        raise RequestError(f"member_id must be the id of a member: {wanted}", field="member_id")
    return parsed.event, parsed.member_id
