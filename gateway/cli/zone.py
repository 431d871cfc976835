"""The zone of a shop: times that people read are in it."""

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.cli.loyalty import TIMEOUT_S
from gateway.loyalty_client import LoyaltyClient


def find_zone(name: str) -> tzinfo | None:
    """None: this machine does not know it. UTC where a shop has set none."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return None


async def fetch_zone(loyalty: LoyaltyClient, merchant_id: str) -> tzinfo | None:
    """None: this machine does not know it. Raises LoyaltyCallError."""
    return find_zone((await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)).time_zone)
