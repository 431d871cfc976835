"""The URL that Gorgias calls for the widget, and its parts when it arrives.

The e-mail in it is text that the customer chose, and Gorgias may not encode it. So our own parameters stand before it,
and after it a mark that only the holder of the credential can make.
"""

import enum
import functools
import hmac
import re

import msgspec

WIDGET_ROUTE = "/gorgias/widget"
_TOKEN = "token="  # noqa: S105 - a parameter's name
_MARK_PURPOSE = b"end of the e-mail in the widget's URL"
_MARK_CHARS = 24
_SHOPS = 1024  # whose marks are remembered: each call needs one
_PARTS = re.compile(r"token=([^&]*)&ticket_id=([^&]*)&customer_id=([^&]*)&email=(.*)", re.DOTALL)
# URLs from before the mark have the e-mail first. It may look like our parameters: the last ones are ours.
_OLD_START = "email="
_OLD_PARTS = re.compile(r"email=.*&ticket_id=([^&]*)&customer_id=([^&]*)&token=([^&]*)", re.DOTALL)


class UrlForm(enum.StrEnum):
    """Whose URL a call has."""

    CURRENT = "current"
    # This version's, without the mark at its end: cut at a "#" in the e-mail, or changed by hand.
    CUT = "cut"
    OLD = "old"
    OTHER = "other"


class WidgetCall(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a call's target, undecoded. Ids are empty where they cannot be trusted.

    `email`: None if its end is not certain.
    """

    form: UrlForm = UrlForm.OTHER
    ticket_id: str = ""
    customer_id: str = ""
    email: str | None = None


def render_widget_url(public_url: str, credential: str) -> str:
    """The URL that Gorgias calls. Built by concatenation: Gorgias substitutes nothing in percent-encoded braces."""
    ours = "ticket_id={{ticket.id}}&customer_id={{ticket.customer.id}}"
    email = f"email={{{{ticket.customer.email}}}}{_render_end(credential)}"
    return f"{public_url}{WIDGET_ROUTE}?{_TOKEN}{credential}&{ours}&{email}"


def is_old_widget_url(url: str) -> bool:
    """Whether a URL in Gorgias has no mark after the e-mail, so that each widget call needs a call of Gorgias' API."""
    return url.partition("?")[2].startswith(_OLD_START)


def find_token(target: str) -> str:
    """The token in a raw target, or "".

    Ours is the first or the last parameter: a stranger may write what is between.
    """
    parameters = target.partition("?")[2].split("&")
    ours = (one.removeprefix(_TOKEN) for one in (parameters[0], parameters[-1]) if one.startswith(_TOKEN))
    return next(ours, "")


def parse_widget_call(target: str, credential: str) -> WidgetCall:
    """The parts of a raw target. `credential`: the one that authenticated this call."""
    query = target.partition("?")[2]
    if match := _PARTS.fullmatch(query):
        email, end = match[4], _render_end(credential)
        is_whole = email.endswith(end)
        form = UrlForm.CURRENT if is_whole else UrlForm.CUT
        email_or_none = email.removesuffix(end) if is_whole else None
        return WidgetCall(form=form, ticket_id=match[2], customer_id=match[3], email=email_or_none)
    # The text after a "#" in the e-mail does not arrive. Then the customer wrote the last parameters, without a
    # credential.
    if (match := _OLD_PARTS.fullmatch(query)) and match[3] == credential:
        return WidgetCall(form=UrlForm.OLD, ticket_id=match[1], customer_id=match[2])
    return WidgetCall()


@functools.lru_cache(_SHOPS)
def _render_end(credential: str) -> str:
    """The mark that no stranger can make: hexadecimal digits, which no sender encodes."""
    mark = hmac.digest(credential.encode(), _MARK_PURPOSE, "sha256").hex()[:_MARK_CHARS]
    return f"&end={mark}"
