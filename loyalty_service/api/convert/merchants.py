"""Converts merchants, and the fields of their members that could not be read."""

from loyalty_service.api.convert.values import spell, spell_fields
from loyalty_service.domain.limits import LIMIT_FIELDS
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import UnreadableField
from loyalty_service.merchants.parse import GivenFields
from protos.loyalty.v1 import loyalty_pb2 as pb


def read_merchant_fields(message: pb.Merchant) -> GivenFields:
    """Read the fields that are set. A limit that is set to 0 means no limit."""
    given = {field.name: value for field, value in message.ListFields()}
    limits = {name: given[name] for name in LIMIT_FIELDS if name in given}
    return GivenFields(**{name: given[name] for name in GivenFields.__struct_fields__ if name in given}, limits=limits)


def write_merchant(merchant: Merchant) -> pb.Merchant:
    """Write a merchant without its token: the message has no field for it."""
    limits = {field: getattr(merchant.limits, name) for field, name in LIMIT_FIELDS.items()}
    return pb.Merchant(**spell_fields(pb.Merchant, merchant), **limits)


def write_unreadable(field: UnreadableField) -> pb.UnreadableField:
    return pb.UnreadableField(**spell(field))
