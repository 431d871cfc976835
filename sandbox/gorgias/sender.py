"""Encodes a URL with values in it. How the real Gorgias does it is not known.

Gorgias renders variables as Python does, so it probably uses Python's usual client, `requests`. Its handling of URLs is
repeated here, since the stand-in does not need the client itself.
"""

import re
import string
from collections.abc import Callable
from urllib.parse import quote

from sandbox.gorgias.switches import UrlEncoding

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_LEGAL = "!$&'()*+,;=:@/?%"
_ORIGIN = re.compile(r"[^/?#]*//[^/?#]*")


def get_value_encoder(encoding: UrlEncoding) -> Callable[[str], str]:
    """The encoder of a variable's value before it is put into a URL."""
    return encode_value if encoding is UrlEncoding.VALUES else str


def encode_value(value: str) -> str:
    return quote(value, safe="")


def encode_url(url: str, encoding: UrlEncoding) -> str:
    """Encode the whole URL, which has its values."""
    return url if encoding is UrlEncoding.NOTHING else prepare_url(url)


def prepare_url(url: str) -> str:
    """Prepare a URL as `requests` does. Dot segments in its path are not handled.

    Characters that HTTP does not allow are percent-encoded, `& + = %XX` stay, and escapes of unreserved characters are
    decoded. If one "%" of a query is no escape, all of them are encoded.
    """
    origin = match[0] if (match := _ORIGIN.match(url)) else ""
    rest, _, fragment = url[len(origin) :].partition("#")
    path, _, query = rest.partition("?")
    marked = (("?", query), ("#", fragment))
    return origin + (_prepare(path) or "/") + "".join(mark + _prepare(part) for mark, part in marked if part)


def _prepare(part: str) -> str:
    escapes = _ESCAPE.findall(part)
    part = _ESCAPE.sub(lambda escape: escape[0].upper(), part)
    if len(escapes) != part.count("%"):
        part = part.replace("%", "%25")
    return _ESCAPE.sub(_decode_unreserved, quote(part, safe=_LEGAL))


def _decode_unreserved(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if character in _UNRESERVED else escape[0]
