"""How a URL with values in it goes onto the wire: nobody knows how the real Gorgias does it.

Gorgias renders the Python way, so Python's usual client, `requests`, is the likely one. What it does to a URL is
written out here: the stand-in needs it for nothing else.
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
    """What a variable's value goes through before it is put into a URL."""
    return encode_value if encoding is UrlEncoding.VALUES else str


def encode_value(value: str) -> str:
    return quote(value, safe="")


def encode_url(url: str, encoding: UrlEncoding) -> str:
    """The whole URL, its values put in."""
    return url if encoding is UrlEncoding.NOTHING else prepare_url(url)


def prepare_url(url: str) -> str:
    """As `requests` prepares a URL without dot segments in its path.

    What HTTP does not allow is percent-encoded, `& + = %XX` stay, escapes of unreserved characters are decoded. Where
    one "%" of a query is no escape, all of them are encoded.
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
