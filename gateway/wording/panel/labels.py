"""The labels of the widget's titles, links, buttons and forms."""

from collections.abc import Sequence

from runtime.text import isolate

CARD = "TRIFFT"
SUMMARY = "Loyalty"
AS_OF = "Data from"
LAST_TRY = "Last try"
MEMBER = "Member"
DETAILS = "More"
MOVEMENTS = "Last movements"
MOVEMENT = "Movement"
SUPPORT = "Given by support"
LAST_AWARD = "Last award"
LINK = "Link"
COUPONS = "Coupons"
COUPON = "Coupon"
PROFILE_LINK = "Loyalty Member Profile"
SEARCH_LINK = "Search in TRIFFT Admin"

AWARD_BUTTON = "Add Loyalty Points"
DEDUCT_BUTTON = "Remove points"
UNDO_BUTTON = "Undo last award"
LINK_BUTTON = "Link to member"
UNLINK_BUTTON = "Unlink"
SUPPORT_ID = "Support ID (the customer reads it in their app)"
POINTS_TO_ADD = "Points to add (100 = 100 points)"
POINTS_TO_REMOVE = "Points to remove (100 = 100 points)"
NOTE = "Note (optional, the customer may see it)"


def label_reason(reasons: Sequence[str]) -> str:
    """`reasons`: one of them must be typed; empty: any text."""
    choice = f" (type the first letters: {', '.join(map(isolate, reasons))})" if reasons else ""
    return f"Reason{choice}"
