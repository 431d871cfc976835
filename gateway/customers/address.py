"""Which e-mail address a widget's call is about. Pure.

The customer chose the address, and nobody knows whether the sender encoded it: what could be another's address, read in
another way, is not read here but asked of Gorgias.
"""

import re
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from gateway.gorgias.variables import parse_variable
from gateway.gorgias.widget_url import WidgetCall

# As it stands in both: in a target that nobody encoded, and in one where only what HTTP forbids was encoded.
_PLAIN = re.compile(r"[A-Za-z0-9.!$&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
# What a sender leaves that encodes all of a value. It leaves no "@".
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+")
_ENCODED_AT = "%40"


class Customer(msgspec.Struct, frozen=True):
    """`email`: exactly as Gorgias has it; None where there is none."""

    email: str | None


class AskGorgias(msgspec.Struct, frozen=True, kw_only=True):
    """Only Gorgias can say whose ticket this is. Ids are as they arrived."""

    ticket_id: str
    customer_id: str


def parse_customer(call: WidgetCall) -> Customer | AskGorgias:
    ask = AskGorgias(ticket_id=call.ticket_id, customer_id=call.customer_id)
    if call.email is None:
        return ask
    if _is_absent(call.email):
        return Customer(None)
    if _PLAIN.fullmatch(call.email):
        return Customer(call.email)
    if _ENCODED.fullmatch(call.email) and call.email.count(_ENCODED_AT) == 1:
        try:
            return Customer(unquote_to_bytes(call.email).decode())
        except UnicodeDecodeError:
            return ask
    return ask


def _is_absent(text: str) -> bool:
    """Nothing, `None` or the literal variable, encoded or not. What has an "@" is an address, however odd."""
    value = unquote(text)
    return "@" not in value and parse_variable(value) is None
