"""One shop: one Gorgias account and one project at the provider."""

from datetime import datetime

import msgspec

DEFAULT_MAX_POINTS_PER_AWARD = 500


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as the service works with it. `provider_token` is in clear here, and only here.

    `generation` is new (random) whenever the merchant is added, or its provider URL, token or profile changes; what
    was held under an older generation is never seen again.
    """

    merchant_id: str
    provider_url: str
    provider_token: str
    admin_member_url: str
    time_zone: str
    locale: str
    profile: str
    max_points_per_award: int
    generation: str
    create_time: datetime
    update_time: datetime

    def __repr__(self) -> str:
        """Without the token, so that no log and no traceback has it."""
        return f"Merchant({self.merchant_id!r})"
