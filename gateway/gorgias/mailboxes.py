"""The shop's own e-mail addresses in its Gorgias account: those that its mail comes through.

Assumed: an integration of another type than ours is a mailbox if its `meta.address` is an e-mail address.
"""

import re

from gateway.gorgias.fields import read_fields, read_text

_OUR_TYPE = "http"
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def read_mailbox(integration: object) -> str | None:
    """The address of an integration; None if it is no mailbox."""
    found = read_fields(integration)
    address = read_text(read_fields(found.get("meta")).get("address")).strip()
    is_mailbox = read_text(found.get("type")).strip().lower() != _OUR_TYPE and _EMAIL.fullmatch(address)
    return address if is_mailbox else None
