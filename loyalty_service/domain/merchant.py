"""One shop: one Gorgias account and one project at the provider."""

from datetime import datetime

import msgspec

from loyalty_service.domain.limits import Limits
from loyalty_service.domain.verification import Verification


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as the service works with it. `provider_token` is in clear here, and only here.

    `generation` is new (random) whenever the merchant is added, or its provider URL, token or profile changes; what
    was held under an older generation is never seen again. `award_reasons`: where there are any, each award names one.
    `hold_time_s`, `stale_if_error_s`: how long what is held counts, and while the provider fails; 0: as the service is
    set. `verification`: None where its points were never proven.
    """

    merchant_id: str
    provider_url: str
    provider_token: str
    admin_member_url: str
    time_zone: str
    locale: str
    profile: str
    limits: Limits = Limits()
    award_reasons: tuple[str, ...]
    generation: str
    create_time: datetime
    update_time: datetime
    hold_time_s: int = 0
    stale_if_error_s: int = 0
    verification: Verification | None = None

    @property
    def is_verified(self) -> bool:
        """Whether points may be given, as far as its profile and its origin go."""
        return self.verification is not None and self.verification.is_current

    def __repr__(self) -> str:
        """Without the token, so that no log and no traceback has it."""
        return f"Merchant({self.merchant_id!r})"
