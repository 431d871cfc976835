"""Converts callers."""

from loyalty_service.api.convert.values import spell, spell_fields
from loyalty_service.domain.caller import Caller, Role
from loyalty_service.domain.errors import BadValueError
from loyalty_service.merchants.parse import parse_merchant_id
from protos.loyalty.v1 import loyalty_pb2 as pb

_ROLES = {pb.CallerRole.Value(spell(role)): role for role in Role}


def read_caller_name(field: str, text: str) -> str:
    """A name has the form of a shop's id. Raises BadValueError."""
    return parse_merchant_id(text, field)


def read_role(message: pb.CallerRole.ValueType) -> Role:
    """Raises BadValueError, also when none is set."""
    if message not in _ROLES:
        raise BadValueError("caller.role", "must be CALLER_ROLE_READ, CALLER_ROLE_AWARD or CALLER_ROLE_ADMIN")
    return _ROLES[message]


def write_caller(caller: Caller) -> pb.Caller:
    return pb.Caller(**spell_fields(pb.Caller, caller))
