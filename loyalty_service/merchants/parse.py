"""The values that an operator sets for a merchant, each checked once."""

import functools
import importlib.resources
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec
from babel import Locale, UnknownLocaleError

from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.limits import LIMIT_FIELDS, MAX_LIMIT, MAX_POINTS, Limits
from runtime.addresses import fold_ascii_case
from runtime.hosts import is_host, is_loopback, is_public_name
from runtime.phones import is_country
from runtime.text import make_line

MAX_URL_CHARS = 2_000
MAX_PROFILE_CHARS = 16_384
MAX_TOKEN_CHARS = 4_096
MAX_REASONS = 20
MAX_REASON_CHARS = 60
MEMBER_ID_PLACE = "{member_id}"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_URL = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+")
_PATH = re.compile(r"(/[A-Za-z0-9!$&'()*+,;=:@._~%-]*)*")


class GivenFields(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that an operator sets, as they came from outside; empty means the default.

    `limits`: those that are set, by the field of Merchant; 0: no limit. A time of 0: the service's setting.
    """

    provider_url: str = ""
    admin_member_url: str = ""
    time_zone: str = ""
    locale: str = ""
    profile: str = ""
    award_reasons: Sequence[str] = ()
    hold_time_s: int = 0
    stale_if_error_s: int = 0
    country: str = ""
    limits: Mapping[str, int] = {}


FIELD_NAMES = frozenset({*GivenFields.__struct_fields__, *LIMIT_FIELDS} - {"limits"})
_DEFAULT_LIMITS = Limits()
# The upper bounds of the service's own settings.
_MOST_SECONDS = {"hold_time_s": 86_400, "stale_if_error_s": 604_800}
SECONDS_NAMES = tuple(_MOST_SECONDS)


def parse_fields(given: GivenFields, names: Collection[str], *, allow_private_url: bool) -> dict[str, Any]:
    """Check the named fields; empty ones get their defaults.

    Raises BadValueError. The lines of a profile are checked by the provider's adapter, not here.
    """
    parsers: dict[str, Callable[[], Any]] = {
        "provider_url": lambda: parse_provider_url(given.provider_url, allow_private_url=allow_private_url),
        "admin_member_url": lambda: parse_admin_member_url(given.admin_member_url, allow_private_url=allow_private_url),
        "time_zone": lambda: _parse_time_zone(given.time_zone or "UTC"),
        "locale": lambda: _parse_locale(given.locale or "en"),
        "country": lambda: _parse_country(given.country),
        "profile": lambda: _parse_profile_text(given.profile),
        "award_reasons": lambda: _parse_reasons(given.award_reasons),
        **{field: functools.partial(_parse_limit, field, given.limits.get(field)) for field in LIMIT_FIELDS},
        **{name: functools.partial(_parse_seconds, name, getattr(given, name)) for name in _MOST_SECONDS},
    }
    return {name: parse() for name, parse in parsers.items() if name in names}


def parse_field_names(paths: Collection[str]) -> frozenset[str]:
    """The names of an update mask. Raises BadValueError for a field that operators cannot set."""
    if set(paths) - FIELD_NAMES:
        raise BadValueError("update_mask", f"may name {', '.join(sorted(FIELD_NAMES))}")
    return frozenset(paths)


def is_merchant_id(text: str) -> bool:
    """Whether it is one DNS label in lower case."""
    return _LABEL.fullmatch(text) is not None


def parse_merchant_id(text: str, field: str = "merchant.merchant_id") -> str:
    """Raises BadValueError. `field`: of another id with the same form."""
    if not is_merchant_id(text):
        raise BadValueError(field, "must be 1 to 63 of a-z 0-9 -, and must not begin or end with a dash")
    return text


def parse_token(text: str) -> str:
    if not 1 <= len(text) <= MAX_TOKEN_CHARS or not all("!" <= character <= "~" for character in text):
        raise BadValueError("provider_token", f"must be 1 to {MAX_TOKEN_CHARS} printable ASCII characters, no spaces")
    return text


def parse_provider_url(text: str, *, allow_private_url: bool) -> str:
    """An origin, with a path if need be; without the slash at its end. Raises BadValueError."""
    field = "merchant.provider_url"
    url = _split(field, text)
    if url.query or url.fragment or "?" in text or "#" in text or not _PATH.fullmatch(url.path):
        raise BadValueError(field, "must be an origin, for example https://api.trifft.io")
    host = url.hostname or ""
    if not (is_loopback(host) or (url.scheme == "https" and is_public_name(host)) or allow_private_url):
        raise BadValueError(field, "must be https with a public host name; a private one must be allowed explicitly")
    return text.rstrip("/")


def parse_admin_member_url(text: str, *, allow_private_url: bool) -> str:
    """An https template with one `{member_id}` after its host, or an empty text. Raises BadValueError."""
    if not text:
        return ""
    field = "merchant.admin_member_url"
    before, place, after = text.partition(MEMBER_ID_PLACE)
    if not place or "{" in before + after or "}" in before + after:
        raise BadValueError(field, f"must contain {MEMBER_ID_PLACE} once, and no other braces")
    url = _split(field, before + "x" + after)
    if len(urlsplit(before).path) == 0:
        raise BadValueError(field, f"must have {MEMBER_ID_PLACE} in its path")
    if url.scheme != "https" and not is_loopback(url.hostname or "") and not allow_private_url:
        raise BadValueError(field, "must be https")
    return text


def _split(field: str, text: str) -> SplitResult:
    """An http(s) URL with a host and without a user. Raises BadValueError."""
    malformed = BadValueError(field, f"must be an https URL of at most {MAX_URL_CHARS} characters")
    if len(text) > MAX_URL_CHARS or not _URL.fullmatch(text):
        raise malformed
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise malformed from None
    if url.scheme not in {"http", "https"} or not host or port == 0 or url.netloc.endswith(":"):
        raise malformed
    if "@" in url.netloc:
        raise BadValueError(field, "must contain no user name or password")
    if not is_host(host):
        raise malformed
    return url


def _parse_time_zone(text: str) -> str:
    if text not in _list_time_zones():
        raise BadValueError("merchant.time_zone", "must be a name of the IANA database, like Europe/Bratislava or UTC")
    return text


@functools.cache
def _list_time_zones() -> frozenset[str]:
    """The names of the IANA database. A machine also has other files there: localtime, posixrules, right/."""
    names = importlib.resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(names) - {"Factory"}  # means: no zone is set


def _parse_locale(text: str) -> str:
    try:
        Locale.parse(text, sep="-")
    except (ValueError, UnknownLocaleError):
        raise BadValueError("merchant.locale", "must be a BCP 47 name, for example sk or en-US") from None
    return text


def _parse_country(text: str) -> str:
    """Empty: the country of the time zone."""
    country = text.strip().upper()
    if country and not is_country(country):
        raise BadValueError("merchant.country", "must be the ISO 3166 code of a country with phone numbers, like SK")
    return country


def _parse_profile_text(text: str) -> str:
    if len(text) > MAX_PROFILE_CHARS or "\x00" in text:
        raise BadValueError("merchant.profile", f"must be TOML text of at most {MAX_PROFILE_CHARS} characters")
    return text


def _parse_limit(field: str, points: int | None) -> int:
    if points is None:
        points = getattr(_DEFAULT_LIMITS, LIMIT_FIELDS[field])
    maximum, none = MAX_LIMIT, "no limit"
    if LIMIT_FIELDS[field] == "per_deduction":
        maximum, none = MAX_POINTS, "no deductions"
    if not 0 <= points <= maximum:
        raise BadValueError(f"merchant.{field}", f"must be 1 to {maximum}, or 0 for {none}")
    return points


def _parse_seconds(name: str, seconds: int) -> int:
    """Seconds; 0: the service's setting."""
    if not 0 <= seconds <= _MOST_SECONDS[name]:
        raise BadValueError(f"merchant.{name}", f"must be 1 to {_MOST_SECONDS[name]} s, or 0 for the service's setting")
    return seconds


def _parse_reasons(texts: Sequence[str]) -> tuple[str, ...]:
    field = "merchant.award_reasons"
    reasons = tuple(" ".join(unicodedata.normalize("NFC", text).split()) for text in texts)
    if len(reasons) > MAX_REASONS:
        raise BadValueError(field, f"must be at most {MAX_REASONS}")
    if not all(1 <= len(reason) <= MAX_REASON_CHARS and make_line(reason) == reason for reason in reasons):
        raise BadValueError(field, f"must each have 1 to {MAX_REASON_CHARS} printable characters")
    if any({"{", "}"} & set(reason) for reason in reasons):
        # Reasons stand in a button's label, and Gorgias reads the label as a template.
        raise BadValueError(field, "must contain no { and no }: Gorgias replaces them with its own values")
    folded = [fold_ascii_case(reason) for reason in reasons]
    if any(one.startswith(other) for place, one in enumerate(folded) for other in folded[:place] + folded[place + 1 :]):
        raise BadValueError(field, "must differ, and none may be the beginning of another")
    return reasons
