"""The columns that say whether a merchant's points were proven, for what, when, and by which member."""

from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from loyalty_service.domain.verification import Verification, VerifiedMember
from runtime.encryption import SecretKeys
from runtime.sql import now_ms

DROPPED_PROOF = {"verified_fingerprint": ""}
# Of a provider's URL and a profile; empty: no proof holds for them.
MakeFingerprint: TypeAlias = Callable[[str, str], str]


class ProofColumns:
    """`make_fingerprint`: equal results mean that one proof covers both."""

    def __init__(self, keys: SecretKeys, make_fingerprint: MakeFingerprint) -> None:
        self._keys = keys
        self._make_fingerprint = make_fingerprint

    def spell(
        self, provider_url: str, profile: str, *, verified_by: str, member: VerifiedMember | None
    ) -> dict[str, Any]:
        """As of now, by the database's clock."""
        return {
            "verified_fingerprint": self._make_fingerprint(provider_url, profile),
            "verified_by": verified_by,
            "verified_member_encrypted": self._keys.encrypt(msgspec.json.encode(member).decode()) if member else "",
            "verify_time_ms": now_ms(),
        }

    def pop(self, values: MutableMapping[str, Any]) -> Verification | None:
        """Take them out of a merchant's row. Raises SecretKeyError."""
        fingerprint, verified_by = values.pop("verified_fingerprint"), values.pop("verified_by")
        encrypted, time_ms = values.pop("verified_member_encrypted"), values.pop("verify_time_ms")
        if time_ms is None:
            return None
        is_current = fingerprint != "" and fingerprint == self._make_fingerprint(
            values["provider_url"], values["profile"]
        )
        member = msgspec.json.decode(self._keys.decrypt(encrypted), type=VerifiedMember) if encrypted else None
        return Verification(
            verify_time=datetime.fromtimestamp(time_ms / 1000, UTC),
            verified_by=verified_by,
            member=member,
            is_current=is_current,
        )
