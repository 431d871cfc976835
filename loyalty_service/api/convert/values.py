"""What messages of every kind have in them. Fields of one name in the domain and in the proto are not spelled again."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR
from enum import Enum
from typing import Any

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from loyalty_service.domain.award import AwardState
from loyalty_service.domain.award_filter import AwardGrouping
from loyalty_service.domain.erasure import KeptReason
from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.member import CouponState, MemberStatus, NoBalance, Wallet
from loyalty_service.domain.verification import VerificationOutcome
from protos.loyalty.v1 import loyalty_pb2 as pb

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOS = 1_000_000_000  # in a second
# A value of the proto's enum is called the same as the domain's, behind this.
_PREFIXES: dict[type[Enum], str] = {
    AwardGrouping: "AWARD_GROUPING",
    AwardState: "AWARD_STATE",
    CouponState: "COUPON_STATE",
    KeptReason: "KEPT_REASON",
    MemberStatus: "MEMBER_STATUS",
    NoBalance: "WALLET_STATE",
    VerificationOutcome: "VERIFICATION_OUTCOME",
}


def spell(value: Any) -> Any:  # noqa: ANN401  any value of the domain, as a message's constructor takes it
    """A struct as its fields by name, an enum as its name in the proto; what the constructor takes stays as it is."""
    match value:
        case Wallet():
            whole = int(value.balance.to_integral_value(ROUND_FLOOR))
            return pb.Wallet(points_balance=whole, points_balance_exact=f"{value.balance:f}")
        case msgspec.Struct():
            return {name: spell(getattr(value, name)) for name in value.__struct_fields__}
        case tuple():
            return [spell(item) for item in value]
        case Enum():
            return f"{_PREFIXES[type(value)]}_{value.name}"
        case datetime():
            return write_time(value)
        case _:
            return value


def spell_fields(message: type[Message], *values: msgspec.Struct | None) -> dict[str, Any]:
    """Of the values' fields, those that the message has by the same name."""
    known = message.DESCRIPTOR.fields_by_name
    there = [value for value in values if value is not None]
    return {name: spell(getattr(value, name)) for value in there for name in value.__struct_fields__ if name in known}


def read_fields(message: Message, struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields that the struct has by the same name, as they are in the message."""
    known = message.DESCRIPTOR.fields_by_name
    return {name: getattr(message, name) for name in struct.__struct_fields__ if name in known}


def read_time(field: str, message: Timestamp) -> datetime:
    """Rounded up to whole microseconds. Raises BadValueError outside of the years 1 to 9999."""
    malformed = BadValueError(field, "must be a time in the years 1 to 9999")
    if not 0 <= message.nanos < _NANOS:
        raise malformed
    try:
        return _EPOCH + timedelta(seconds=message.seconds, microseconds=-(-message.nanos // 1_000))
    except OverflowError:
        raise malformed from None


def write_time(time: datetime) -> Timestamp:
    since = time - _EPOCH  # twice as quick as the constructor's own way, and every reading has several
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def write_duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration
