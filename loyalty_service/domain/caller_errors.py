"""The errors about a service that calls: see the tree in errors.py."""

from loyalty_service.domain.errors import LoyaltyError


class CallerUnknownError(LoyaltyError):
    reason = "CALLER_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("the bearer key is missing or wrong")


class CallerForbiddenError(LoyaltyError):
    """`role`: the least that the call needs. `merchant_id`: the only shop that the caller may ask about."""

    reason = "CALLER_FORBIDDEN"

    def __init__(self, *, role: str, merchant_id: str = "") -> None:
        if merchant_id:
            super().__init__(f"this key is for calls about shop {merchant_id} only", role=role, merchant_id=merchant_id)
        else:
            super().__init__(f"this key's role is too low: the call needs {role}", role=role)


class CallerExistsError(LoyaltyError):
    reason = "CALLER_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(f"caller {name} already exists")


class CallerNotFoundError(LoyaltyError):
    reason = "CALLER_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no caller has this name")
