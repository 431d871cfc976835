"""The HTTP proxy that a setting names, through which requests leave the company's network.

The environment's variables (`http_proxy` and similar) are never read: they are for other programs.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec

from runtime.hosts import is_loopback

if TYPE_CHECKING:  # slow to load, and settings need it only for a proxy
    import aiohttp

_FORM = (
    "must be an http:// URL of a host and a port, for example http://proxy:3128; user and password may stand before "
    "the host, with special characters percent-encoded"
)
_PROXY_REFUSES = HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
_AUTHORIZATION = "Proxy-Authorization"
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


class ProxyUrlError(ValueError):
    """The text is not a proxy's URL. Completes "SETTING …" without the text, which may contain a password."""


class ProxyRefusedError(OSError):
    """The proxy asks for a password, or for another one. It passed nothing on."""


class HttpProxy(msgspec.Struct, frozen=True):
    """`origin` is http://host:port; `authorization`: the value of the proxy's authorization header, or empty."""

    origin: str
    authorization: str = ""

    def __repr__(self) -> str:
        """Leaves out the password."""
        return f"HttpProxy({self.origin!r})"


def parse_proxy_url(text: str) -> HttpProxy:
    """Raises ProxyUrlError."""
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise ProxyUrlError(_FORM) from None
    is_plain = all("!" <= character <= "~" for character in text)
    is_origin = url.path in {"", "/"} and not url.query and not url.fragment
    if url.scheme != "http" or not _HOST.fullmatch(host) or port == 0 or not is_origin or not is_plain:
        raise ProxyUrlError(_FORM)
    shown = f"[{host}]" if ":" in host else host
    return HttpProxy(f"http://{shown}:{port or 80}", _make_authorization(url.username, url.password))


def make_options(proxy: HttpProxy | None, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """The options of aiohttp's `request` for `url`: `headers`, and the proxy if one must be used.

    Requests to this machine never use the proxy. Only the proxy gets the password.
    """
    if proxy is None or is_loopback(urlsplit(url).hostname or ""):
        return {"headers": headers}
    authorization = {_AUTHORIZATION: proxy.authorization} if proxy.authorization else {}
    if urlsplit(url).scheme == "https":
        return {"headers": headers, "proxy": proxy.origin, "proxy_headers": authorization}
    return {"headers": {**headers, **authorization}, "proxy": proxy.origin}


def raise_for_proxy(options: Mapping[str, Any], response: "aiohttp.ClientResponse") -> None:
    """Raises ProxyRefusedError if the proxy itself made `response`. A refused https tunnel gives no response."""
    if "proxy" in options and response.url.scheme == "http" and response.status == _PROXY_REFUSES:
        raise ProxyRefusedError


def explain_proxy_error(error: Exception, proxy: HttpProxy | None, setting: str) -> str | None:
    """Explain an error between us and the proxy that `setting` names; None: the error is not the proxy's."""
    import aiohttp  # noqa: PLC0415 - as above

    if isinstance(error, ProxyRefusedError):
        return f"the proxy of {setting} refuses our user name or password"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy of {setting} refuses to connect ({error.status})"
    if proxy is None or not isinstance(error, aiohttp.ClientConnectorError):
        return None
    if error.host == urlsplit(proxy.origin).hostname:
        return f"the proxy of {setting} cannot be reached"
    return None


def _make_authorization(user: str | None, password: str | None) -> str:
    if user is None and password is None:
        return ""
    user, password = unquote(user or ""), unquote(password or "")
    if ":" in user or not (user + password).isprintable():
        raise ProxyUrlError(_FORM)
    import aiohttp  # noqa: PLC0415 - as above

    return aiohttp.encode_basic_auth(user, password, encoding="utf-8")
