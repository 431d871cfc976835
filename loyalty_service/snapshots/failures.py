"""How a flight failed, as one process tells another."""

import math

import msgspec

from loyalty_service.domain.errors import (
    ProviderContractError,
    ProviderCredentialsError,
    ProviderError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.member import Identity
from loyalty_service.domain.priority import Priority
from loyalty_service.snapshots.flights import Outcome
from loyalty_service.snapshots.store import Moment

_ERRORS: dict[str, type[ProviderError]] = {
    error.reason: error
    for error in (
        ProviderContractError,
        ProviderCredentialsError,
        ProviderRefusedError,
        ProviderTimeoutError,
        ProviderUnavailableError,
    )
}


class _Failure(msgspec.Struct, frozen=True, array_like=True):
    begin_s: float
    reason: str
    message: str
    retry_after_s: float = 0.0
    priority: Priority = Priority.AWARD


def encode_failure(error: ProviderError, begin_s: float, priority: Priority) -> bytes:
    """`priority`: the flight's.

    Empty where it has no beginning on the store's clock: then nobody can tell whether it was late enough.
    """
    if begin_s == -math.inf:
        return b""
    retry_after_s = error.retry_after_s if isinstance(error, ProviderThrottledError) else 0.0
    return msgspec.msgpack.encode(_Failure(begin_s, error.reason, error.message, retry_after_s, priority))


def decode_failure(told: bytes, identity: Identity, priority: Priority) -> Outcome | None:
    """None where it is none that this release knows, or where somebody of `priority` may yet get a slot."""
    try:
        failure = msgspec.msgpack.decode(told, type=_Failure)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    error: ProviderError
    if failure.reason == ProviderThrottledError.reason:
        if priority < failure.priority:
            return None
        error = ProviderThrottledError(failure.message, failure.retry_after_s)
    elif failure.reason in _ERRORS:
        error = _ERRORS[failure.reason](failure.message)
    else:
        return None
    return Outcome(identity=identity, begin=Moment(-math.inf, failure.begin_s), result=error)
