"""Converts values that many messages have. Fields with the same name in domain and proto are copied by name."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR
from enum import Enum
from typing import Any

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from loyalty_service.domain.award import AwardState, IdentifiedBy
from loyalty_service.domain.award_filter import AwardGrouping
from loyalty_service.domain.caller import Role
from loyalty_service.domain.erasure import KeptReason
from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.findings import ContractState, LineVerdict
from loyalty_service.domain.member import CouponState, MemberStatus, NoBalance, Wallet
from loyalty_service.domain.verification import VerificationOutcome
from protos.loyalty.v1 import loyalty_pb2 as pb

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOS = 1_000_000_000  # in a second
# Values of a proto enum have this prefix and the domain's name.
_PREFIXES: dict[type[Enum], str] = {
    AwardGrouping: "AWARD_GROUPING",
    AwardState: "AWARD_STATE",
    ContractState: "CONTRACT_STATE",
    CouponState: "COUPON_STATE",
    IdentifiedBy: "IDENTIFIED_BY",
    KeptReason: "KEPT_REASON",
    LineVerdict: "LINE_VERDICT",
    MemberStatus: "MEMBER_STATUS",
    NoBalance: "WALLET_STATE",
    Role: "CALLER_ROLE",
    VerificationOutcome: "VERIFICATION_OUTCOME",
}


def spell(value: Any) -> Any:  # noqa: ANN401  any value of the domain, as a message's constructor takes it
    """Convert a struct to its fields by name, an enum to its name in the proto; other values stay as they are."""
    match value:
        case Wallet():
            wallet = pb.Wallet()
            fill_wallet(wallet, value)
            return wallet
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
    """The values' fields that the message also has."""
    known = message.DESCRIPTOR.fields_by_name
    there = [value for value in values if value is not None]
    return {name: spell(getattr(value, name)) for value in there for name in value.__struct_fields__ if name in known}


def read_fields(message: Message, struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The message's fields that the struct also has."""
    known = message.DESCRIPTOR.fields_by_name
    return {name: getattr(message, name) for name in struct.__struct_fields__ if name in known}


def read_time(field: str, message: Timestamp) -> datetime:
    """Read a time, rounded up to whole microseconds. Raises BadValueError outside the years 1 to 9999."""
    malformed = BadValueError(field, "must be a time in the years 1 to 9999")
    if not 0 <= message.nanos < _NANOS:
        raise malformed
    try:
        return _EPOCH + timedelta(seconds=message.seconds, microseconds=-(-message.nanos // 1_000))
    except OverflowError:
        raise malformed from None


def write_time(time: datetime) -> Any:  # noqa: ANN401  a Timestamp as a message's constructor takes it
    """Convert to the Timestamp's fields: a Timestamp would be made first, and then copied into the message."""
    since = time - _EPOCH
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1_000}


def fill_time(message: Timestamp, time: datetime) -> None:
    """As `write_time`, into a message that is already in its place."""
    since = time - _EPOCH
    message.seconds, message.nanos = since.days * 86_400 + since.seconds, since.microseconds * 1_000


def fill_wallet(message: pb.Wallet, wallet: Wallet) -> None:
    """The whole points are rounded down."""
    message.points_balance = int(wallet.balance.to_integral_value(ROUND_FLOOR))
    message.points_balance_exact = f"{wallet.balance:f}"


def write_duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration
