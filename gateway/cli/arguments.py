"""Arguments and options that several commands share, checked before any server is called."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from cyclopts import Parameter

from gateway.cli.errors import UsageError
from runtime.hosts import is_host, is_loopback, is_public_name

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_EMAIL = re.compile(r"[^\s@:]+@[^\s@:]+")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_GORGIAS_DOMAIN = ".gorgias.com"
_MAX_FILE_BYTES = 64 * 1024


def make_label_check(argument: str) -> Callable[[Any, str | None], None]:
    """A validator for cyclopts: one DNS label. It raises UsageError, which names the argument."""

    def check(_type: Any, text: str | None) -> None:  # noqa: ANN401 - as cyclopts calls a validator
        if text is not None and not _LABEL.fullmatch(text):
            words = "must be 1 to 63 of a-z, 0-9 and -, with no dash at its beginning or end"
            raise UsageError(f"{argument} {words}: not {text[:80]!r}")

    return check


check_merchant_id = make_label_check("ID")
_MERCHANT_ID = Parameter(name="ID", help="The shop: one DNS label, for example acme.", validator=check_merchant_id)
MerchantId = Annotated[str, _MERCHANT_ID]
OptionalMerchantId = Annotated[str | None, _MERCHANT_ID]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
AllowPrivateUrl = Annotated[bool, Parameter(negative="", help="Allow a URL that is not https with a public host name.")]


def strip_text(text: str, option: str, advice: str) -> str:
    """Strip a text. Raises UsageError if nothing is left."""
    if not text.strip():
        raise UsageError(f"{option} is empty: {advice}")
    return text.strip()


def parse_gorgias_user(text: str) -> str:
    """The e-mail that the API key belongs to. Raises UsageError."""
    user = text.strip()
    if not _EMAIL.fullmatch(user):
        raise UsageError("--gorgias-user must be the e-mail address of the user whom the API key belongs to")
    return user


def parse_own_address(text: str) -> str:
    """An e-mail address of the shop itself. Raises UsageError."""
    address = text.strip()
    if not _EMAIL.fullmatch(address):
        raise UsageError("--own-address must be an e-mail address of the shop, for example hello@shop.example")
    return address


def parse_gorgias_url(text: str, *, allow_private: bool) -> str:
    """The account's address without a trailing slash: https and a public name, or the loopback. Raises UsageError."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise UsageError("--gorgias-url is not a URL: use https://ACCOUNT.gorgias.com") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in _DEFAULT_PORTS or not is_host(host):
        raise UsageError("--gorgias-url must be like https://ACCOUNT.gorgias.com")
    if "@" in parts.netloc or parts.query or parts.fragment or not _is_path(parts):
        raise UsageError("--gorgias-url must have a host and at most a plain path: no user, query or fragment")
    if host.endswith(_GORGIAS_DOMAIN) and not _LABEL.fullmatch(host.removesuffix(_GORGIAS_DOMAIN)):
        raise UsageError("--gorgias-url must name one account: https://ACCOUNT.gorgias.com")
    is_public = parts.scheme == "https" and is_public_name(host)
    if not (is_public or is_loopback(host) or allow_private):
        raise UsageError("--gorgias-url must be https with a public host name: --allow-private-url accepts any")
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{shown_host}{shown_port}{parts.path.rstrip('/')}"


def read_secret(path: Path, option: str) -> str:
    """The first line of a file. Raises UsageError, which never shows the content."""
    lines = read_text(path, option).strip().splitlines()
    secret = lines[0].strip() if lines else ""
    if not secret:
        raise UsageError(f"{option}: {path} is empty: its first line must be the secret")
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise UsageError(f"{option}: the first line of {path} is not a key: it has spaces or unusual characters")
    return secret


def read_text(path: Path, option: str) -> str:
    """Read a small UTF-8 file. Raises UsageError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{option}: there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{option}: {path} cannot be read as text ({type(error).__name__})") from None
    if len(raw) > _MAX_FILE_BYTES:
        raise UsageError(f"{option}: {path} is larger than {_MAX_FILE_BYTES // 1024} KiB: it is not the right file")
    return text


def _is_path(parts: SplitResult) -> bool:
    path = parts.path.rstrip("/")
    return _PATH.fullmatch(path) is not None and not {".", ".."} & set(path.split("/"))
