"""The demo shops' data for a provisioning script, which knows the URLs itself."""

from collections.abc import Iterable
from typing import Any

from sandbox.gorgias.account import Account
from sandbox.trifft import Trifft
from sandbox.trifft.demo import ACME_PROFILE, BLOOM_PROFILE

PROFILES = {"acme": ACME_PROFILE, "bloom": BLOOM_PROFILE}
"""Each project's differences from the default wire profile, as TOML."""


def render_shops(accounts: Iterable[Account], trifft: Trifft) -> list[dict[str, Any]]:
    """Render the shops with their credentials, which are made up and only work in the stand-ins."""
    return [
        {
            "merchant_id": account.profile.name,
            "trifft_token": trifft.projects[account.profile.project].get_token(),
            "gorgias_account": account.profile.name,
            "gorgias_user": account.profile.api_user,
            "gorgias_key": account.profile.api_key,
            "time_zone": account.profile.time_zone,
            "locale": account.profile.locale,
            "profile": PROFILES.get(account.profile.project, ""),
        }
        for account in accounts
    ]
