"""The permissions of tokens."""

from typing import Literal

from sandbox.trifft.errors import ApiError
from sandbox.trifft.faults import Operation

TokenKind = Literal["write", "read", "expired", "no_role"]

# Only ROLE_WRITE_SEGMENT is documented; the other names are made in its form.
_ROLES: dict[Operation, str] = {
    "find": "ROLE_READ_MEMBER",
    "get": "ROLE_READ_MEMBER",
    "coupons": "ROLE_READ_COUPON",
    "movements": "ROLE_READ_WALLET",
    "credit": "ROLE_WRITE_WALLET",
    "debit": "ROLE_WRITE_WALLET",
    "assign": "ROLE_WRITE_COUPON",
    "probe": "ROLE_WRITE_SEGMENT",
}


def check_access(kind: TokenKind, operation: Operation) -> None:
    """Raise ApiError 401 for an expired token, 403 with the role's name for a token that lacks it."""
    role = _ROLES[operation]
    if kind == "expired":
        raise ApiError(401, "The API token has expired.")
    if kind == "no_role" or (kind == "read" and role.startswith("ROLE_WRITE")):
        raise ApiError(403, f"API token lacks the required {role} role")
