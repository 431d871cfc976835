"""One shop: one Gorgias account and one project at the provider."""

from datetime import datetime

import msgspec

from loyalty_service.domain.limits import Limits
from loyalty_service.domain.verification import Verification
from runtime.phones import find_country


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as the service works with it. Only this object holds `provider_token` unencrypted.

    `generation` is random, and new whenever the merchant is added or its provider URL, token or profile changes;
    snapshots held under an older generation are never shown again. `award_reasons`: where there are any, each award
    names one. `hold_time_s`: how long a held snapshot answers readers; `stale_if_error_s`: how long it does so while
    the provider fails. 0: the service's setting. `verification`: None if its points were never proven. `country`
    (ISO 3166): empty for the country of the time zone.
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
    country: str = ""

    @property
    def dialling_country(self) -> str:
        """Where a phone number without its country's code is dialled; empty: nowhere, such a number is refused."""
        return self.country or find_country(self.time_zone)

    @property
    def is_verified(self) -> bool:
        """Whether points may be given, as far as its profile and its origin go."""
        return self.verification is not None and self.verification.is_current

    def __repr__(self) -> str:
        """Leaves the token out, so that no log and no traceback shows it."""
        return f"Merchant({self.merchant_id!r})"
