"""Reads the customer's e-mail address from a widget call. Pure.

The customer chose the address, and we do not know whether the sender encoded it. If another reading would give another
address, Gorgias is asked.
"""

import re
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from gateway.gorgias.tickets import parse_ticket_id
from gateway.gorgias.variables import parse_variable
from gateway.gorgias.widget_url import WidgetCall

# An address that looks the same unencoded, and with only those characters encoded that HTTP forbids.
_PLAIN = re.compile(r"[A-Za-z0-9.!$&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
# The characters of a fully encoded value. It has no "@".
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+")
_ENCODED_AT = "%40"


class Customer(msgspec.Struct, frozen=True):
    """`email`: exactly as Gorgias has it; None where there is none. `customer_id`: None where it is not known."""

    email: str | None
    customer_id: int | None = None


class AskGorgias(msgspec.Struct, frozen=True, kw_only=True):
    """Gorgias must say whose ticket this is. Ids are as they arrived."""

    ticket_id: str
    customer_id: str


def parse_customer(call: WidgetCall) -> Customer | AskGorgias:
    ask = AskGorgias(ticket_id=call.ticket_id, customer_id=call.customer_id)
    if call.email is None:
        return ask
    customer_id = parse_ticket_id(call.customer_id)
    if _is_absent(call.email):
        return Customer(None, customer_id)
    if _PLAIN.fullmatch(call.email):
        return Customer(call.email, customer_id)
    if _ENCODED.fullmatch(call.email) and call.email.count(_ENCODED_AT) == 1:
        try:
            return Customer(unquote_to_bytes(call.email).decode(), customer_id)
        except UnicodeDecodeError:
            return ask
    return ask


def _is_absent(text: str) -> bool:
    """Whether it is empty, `None` or the literal variable, encoded or not.

    A text with an "@" is an address, however odd.
    """
    value = unquote(text)
    return "@" not in value and parse_variable(value) is None
