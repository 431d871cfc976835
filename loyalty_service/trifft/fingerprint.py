"""The fingerprint of a shop's origin and of the lines of its merged profile that find members and points.

A proof that was made under another fingerprint is outdated. A line that is added to one of these sections of the
default profile, or changed there, outdates the proof of every shop.
"""

import functools
import hashlib
import json

from loyalty_service.domain.errors import BadValueError
from loyalty_service.trifft.profile import merge_lines

_SECTIONS = ("envelope", "find_member", "get_member", "member", "wallet", "credit", "debit")
# The lines of [member] that matter to the panel only, and the words of a status.
_HARMLESS = frozenset(
    {
        *("tier", "favorite_venue", "join_time", "segments"),
        *("next_expiry", "pending_points", "points_to_next_tier", "birthday", "recent_movements"),
        *("status", "active_states", "blocked_states", "anonymised_states"),
    }
)
# Of [find_member]: whom the search finds is compared, so a wrong spelling finds nobody.
_PHONE_SPELLING = "phone_spelling"
_PROFILES = 1024


@functools.lru_cache(maxsize=_PROFILES)
def make_fingerprint(provider_url: str, profile: str) -> str:
    """64 hex digits. Empty for a profile that cannot be read: no proof holds for it."""
    try:
        merged = merge_lines(profile)
    except BadValueError:
        return ""
    lines = {section: merged[section] for section in _SECTIONS}
    if isinstance(lines["member"], dict):
        lines["member"] = {name: line for name, line in lines["member"].items() if name not in _HARMLESS}
    if isinstance(lines["find_member"], dict):
        lines["find_member"] = {name: line for name, line in lines["find_member"].items() if name != _PHONE_SPELLING}
    text = json.dumps([provider_url, lines], sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
