"""The addresses that the processes listen on: read from the settings, and checked before anything starts."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack


class SettingError(Exception):
    """A setting prevents the start. The message is one line that names the setting."""


def parse_listen(name: str, value: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port`. Raises SettingError."""
    host, _, port = value.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:  # noqa: PLR2004 - the highest port
        raise SettingError(f"{name} is {value!r}: it must be host:port, for example 127.0.0.1:8090")
    return host.removeprefix("[").removesuffix("]"), int(port)


def choose_addresses(listens: Mapping[str, str]) -> dict[str, str]:
    """Return `listens` with a free port instead of each 0. Raises SettingError if an address is in use."""
    with ExitStack() as stack:
        return {name: _choose(stack, name, *parse_listen(name, value)) for name, value in listens.items()}


def render_reachable(listen: str) -> str:
    """The address at which this machine reaches a listener; the loopback for one on all interfaces."""
    host, port = parse_listen("", listen)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return listen
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004 - IPv4
    return _render(host, port)


def _choose(stack: ExitStack, name: str, host: str, port: int) -> str:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        # A server may listen although an earlier one left connections in TIME_WAIT.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)
        raise SettingError(f"{name}: cannot listen on {host}:{port} ({reason}): set {name} to another one") from None
    return _render(host, listener.getsockname()[1])


def _render(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
