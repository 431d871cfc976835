"""The zone of a shop: times that people read are in it."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.cli.loyalty import TIMEOUT_S
from gateway.cli.output import print_hint
from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient


def find_zone(name: str) -> tzinfo | None:
    """None: this machine does not know it. UTC where a shop has set none."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return None


async def fetch_zone(loyalty: LoyaltyClient, merchant_id: str) -> tzinfo | None:
    """None: this machine does not know it. Of a shop that was removed, and has awards on record, UTC: that is said.

    Raises LoyaltyCallError, also where there never was such a shop.
    """
    try:
        return find_zone((await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)).time_zone)
    except LoyaltyCallError as error:
        if error.reason != "MERCHANT_NOT_FOUND":
            raise
    await loyalty.list_awards(merchant_id, page_size=1, timeout_s=TIMEOUT_S)
    print_hint(f"{merchant_id} was removed, and its time zone with it: days and times are UTC.")
    return UTC
