"""One shop: one Gorgias account and one project at the provider."""

from datetime import datetime

import msgspec

from loyalty_service.domain.limits import Limits


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as the service works with it. `provider_token` is in clear here, and only here.

    `generation` is new (random) whenever the merchant is added, or its provider URL, token or profile changes; what
    was held under an older generation is never seen again. `award_reasons`: where there are any, each award names one.
    A limit of 0 is none, but for `max_points_per_deduction`: then none may be taken away. `limits` has them as the
    domain sees them. `hold_time_s`, `stale_if_error_s`: how long what is
    held counts, and while the provider fails; 0: as the service is set.
    """

    merchant_id: str
    provider_url: str
    provider_token: str
    admin_member_url: str
    time_zone: str
    locale: str
    profile: str
    max_points_per_award: int
    max_points_per_ticket: int
    max_points_per_member_day: int
    max_points_per_merchant_day: int
    max_points_per_agent_day: int
    award_reasons: tuple[str, ...]
    generation: str
    create_time: datetime
    update_time: datetime
    hold_time_s: int = 0
    stale_if_error_s: int = 0
    max_points_per_deduction: int = 0

    @property
    def limits(self) -> Limits:
        return Limits(
            per_award=self.max_points_per_award or None,
            per_deduction=self.max_points_per_deduction,
            per_ticket=self.max_points_per_ticket or None,
            per_member_day=self.max_points_per_member_day or None,
            per_merchant_day=self.max_points_per_merchant_day or None,
            per_agent_day=self.max_points_per_agent_day or None,
        )

    def __repr__(self) -> str:
        """Without the token, so that no log and no traceback has it."""
        return f"Merchant({self.merchant_id!r})"
