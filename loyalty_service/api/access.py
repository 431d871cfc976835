"""Who calls, and whether they may: the key, the role that each call needs, and the shop that it names."""

import hmac
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TypeAlias

from google.protobuf.message import Message

from loyalty_service.callers.store import CallerStore
from loyalty_service.domain.caller import Caller, Role
from loyalty_service.domain.caller_errors import CallerForbiddenError, CallerUnknownError

Metadata: TypeAlias = Iterable[tuple[str, str | bytes]]

# The least role of each call. A call that is missing here fails for every caller.
ROLES = {
    "GetSnapshot": Role.READ,
    "BatchGetSnapshots": Role.READ,
    "GetHeldSnapshot": Role.READ,
    "InvalidateSnapshot": Role.READ,  # the next reader asks the provider, which any reader may do too
    "GetAward": Role.READ,
    "ListAwards": Role.READ,
    "SumAwards": Role.READ,
    "GetMerchant": Role.READ,
    "ListMerchants": Role.READ,
    "AwardPoints": Role.AWARD,
    "ReverseAward": Role.AWARD,
    "SettleAward": Role.ADMIN,
    "EraseMember": Role.ADMIN,
    "CreateMerchant": Role.ADMIN,
    "UpdateMerchant": Role.ADMIN,
    "DeleteMerchant": Role.ADMIN,
    "CheckMerchant": Role.ADMIN,
    "InspectMember": Role.ADMIN,
    "VerifyMerchant": Role.ADMIN,
    "CreateCaller": Role.ADMIN,
    "ListCallers": Role.ADMIN,
    "DeleteCaller": Role.ADMIN,
}
# Of LOYALTY_API_KEY. Its awards name no caller.
OWNER = Caller(name="", role=Role.ADMIN, merchant_id="", create_time=datetime(1970, 1, 1, tzinfo=UTC))
_SCHEME = "Bearer "

_caller = ContextVar("_caller", default=OWNER)


class Access:
    """Without an API key every caller may do everything. `count_refusal` is told the kind of each refusal."""

    def __init__(self, api_key: str | None, callers: CallerStore, *, count_refusal: Callable[[str], None]) -> None:
        self._expected = None if api_key is None else f"{_SCHEME}{api_key}".encode()
        self._callers = callers
        self._count_refusal = count_refusal

    async def find_caller(self, metadata: Metadata, method: str) -> Caller:
        """Find the caller of `authorization: Bearer <key>`. Raises CallerUnknownError, StoreUnavailableError."""
        if self._expected is None:
            return OWNER
        given = find_value(metadata, "authorization")
        if hmac.compare_digest(given.encode(), self._expected):  # first: it must not need the database
            return OWNER
        caller = None
        if given.startswith(_SCHEME):
            is_reader = ROLES[method] is Role.READ
            caller = await self._callers.find(given.removeprefix(_SCHEME), is_reader=is_reader)
        if caller is None:
            self._count_refusal("wrong_key" if given else "no_key")
            raise CallerUnknownError
        return caller

    def check_role(self, caller: Caller, method: str) -> None:
        """Raises CallerForbiddenError."""
        if caller.role < ROLES[method]:
            self._count_refusal("role")
            raise CallerForbiddenError(role=_spell_role(method))

    def check_merchant(self, caller: Caller, method: str, request: Message) -> None:
        """A call that names no shop is about all of them. Raises CallerForbiddenError."""
        if caller.merchant_id and find_merchant_id(request) != caller.merchant_id:
            self._count_refusal("shop")
            raise CallerForbiddenError(role=_spell_role(method), merchant_id=caller.merchant_id)


def set_caller(caller: Caller) -> None:
    """For the rest of this call, and for what it starts."""
    _caller.set(caller)


def get_caller_name() -> str:
    return _caller.get().name


def find_value(metadata: Metadata, name: str) -> str:
    """The first value under `name`, or an empty text."""
    for key, value in metadata:
        if key == name and isinstance(value, str):
            return value
    return ""


def find_merchant_id(request: object) -> str:
    """The shop that a request names; empty if it names none. A new message names it in one of these two ways."""
    own: str = getattr(request, "merchant_id", "")
    return own or getattr(getattr(request, "merchant", None), "merchant_id", "")


def _spell_role(method: str) -> str:
    return ROLES[method].name.lower()
