"""Tells what a URL's host is: this machine, or a name that the public DNS could know."""

import ipaddress
import re

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?")
# RFC 6761, RFC 6762, RFC 8375 and .internal: names that exist only in private networks, or nowhere.
_PRIVATE_DOMAINS = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".test", ".invalid", ".onion")


def is_host(host: str) -> bool:
    """Whether it is an address, or a name in lower case."""
    return _find_address(host) is not None or _NAME.fullmatch(host) is not None


def is_loopback(host: str) -> bool:
    name = host.rstrip(".").lower()
    address = _find_address(name)
    if address is None:
        return name == "localhost" or name.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_public_name(host: str) -> bool:
    """A name with a dot and a public last label. A number as the last label would be an odd spelling of an address."""
    name = host.rstrip(".").lower()
    _, dot, end = name.rpartition(".")
    return bool(dot) and end[:1].isalpha() and _find_address(name) is None and not name.endswith(_PRIVATE_DOMAINS)


def _find_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None: the host is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
