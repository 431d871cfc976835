"""Checks the URL of the store that a fleet shares, before the store is called."""

from urllib.parse import SplitResult, parse_qsl, urlsplit

VALKEY_SCHEMES = ("redis", "rediss", "unix")
_PARAMETERS = ("db", "username", "password", "client_name")
_TLS_PARAMETERS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
_ENCODED = "each of / ? # @ in a password must be percent-encoded"
_WORDS = {"ssl_cert_reqs": ("none", "optional", "required"), "ssl_check_hostname": ("true", "false")}


class ValkeyUrlError(ValueError):
    """The message completes "SETTING …".

    It contains nothing of the URL but names of parameters, since the URL may have a password.
    """


def check_valkey_url(url: str) -> None:
    """`redis://[user:password@]host:port[/number]`, `rediss://` for TLS, `unix:///path`. Raises ValkeyUrlError.

    The client's library accepts any parameter, and fails at the first command.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValkeyUrlError(f"has no readable port: it is 1 to 65535, and {_ENCODED}") from None
    if parts.scheme not in VALKEY_SCHEMES or port == 0 or "://" not in url:
        raise ValkeyUrlError("is no URL: use redis://host:port")
    if parts.fragment or "@" in parts.path:
        raise ValkeyUrlError(f"cannot be read: {_ENCODED}")
    if parts.scheme == "unix" and not parts.path.strip("/"):
        raise ValkeyUrlError("must name a socket: unix:///path")
    if parts.scheme != "unix" and not _is_number(parts.path.removeprefix("/") or "0"):
        raise ValkeyUrlError("must have a number after its host, or nothing: redis://host:port/0")
    _check_parameters(parts)


def _check_parameters(parts: SplitResult) -> None:
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise ValkeyUrlError("cannot be read: name=value pairs, separated by &, must follow its ?") from None
    known = _PARAMETERS + (_TLS_PARAMETERS if parts.scheme == "rediss" else ())
    for name, value in pairs:
        if name not in known:
            # A text before an @ may be a part of a password that has an unencoded ?.
            shown = "" if "@" in parts.query else f" {name!r}"
            raise ValkeyUrlError(f"has a parameter{shown} that is not known, as are {', '.join(known)}")
        if name == "db" and not _is_number(value):
            raise ValkeyUrlError("has a db that is not a number")
        if value not in _WORDS.get(name, (value,)):
            raise ValkeyUrlError(f"has a {name} that is not one of {', '.join(_WORDS[name])}")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
