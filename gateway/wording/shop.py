"""The shop's values that sentences depend on: zone, locale, limits, reasons."""

from zoneinfo import ZoneInfo

import babel
import msgspec

from gateway.wording.limits import Limits, parse_limits
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.phones import find_country


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """A shop's zone, locale and country, its limits and reasons, and the URL for searching members.

    `country`: ISO 3166, for phone numbers without one; empty if it is not known. `award_reasons`: empty if awards need
    none. `search_url`: the folder of the members' pages in TRIFFT's admin; empty if no template is set.
    """

    zone: ZoneInfo
    locale: babel.Locale
    limits: Limits = Limits()
    award_reasons: tuple[str, ...] = ()
    search_url: str = ""
    is_unverified: bool = False
    country: str = ""


# A loyalty service of an older release does not tell.
_UNVERIFIED = frozenset({pb.VERIFICATION_STATE_NEVER, pb.VERIFICATION_STATE_OUTDATED})
DEFAULT_SHOP = Shop(zone=ZoneInfo("UTC"), locale=babel.Locale("en"))


def parse_shop(merchant: pb.Merchant) -> Shop:
    """Raises ZoneInfoNotFoundError, babel.UnknownLocaleError and ValueError."""
    return Shop(
        zone=ZoneInfo(merchant.time_zone),
        locale=babel.Locale.parse(merchant.locale, sep="-"),
        limits=parse_limits(merchant),
        award_reasons=tuple(merchant.award_reasons),
        search_url=_parse_search_url(merchant.admin_member_url),
        is_unverified=merchant.verification.state in _UNVERIFIED,
        country=parse_country(merchant),
    )


def parse_country(merchant: pb.Merchant) -> str:
    """The shop's country: its setting, else its time zone's. Empty if that has none."""
    return merchant.country or find_country(merchant.time_zone)


def _parse_search_url(admin_member_url: str) -> str:
    """The folder of the template of a member's page (assumed to list the members)."""
    folder, _, _ = admin_member_url.partition("{member_id}")[0].rpartition("/")
    return f"{folder}/" if folder else ""
