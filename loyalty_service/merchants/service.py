"""Adding, changing and removing merchants: values are checked and tried at the provider before they are stored."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from loyalty_service.domain.errors import (
    BadValueError,
    MemberNotFoundError,
    MerchantExistsError,
    MerchantNotFoundError,
    ProviderError,
)
from loyalty_service.domain.findings import Findings
from loyalty_service.domain.limits import LIMIT_FIELDS, Limits
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import LoyaltyProvider
from loyalty_service.domain.verification import LOOPBACK, Verification
from loyalty_service.merchants.parse import (
    FIELD_NAMES,
    GivenFields,
    parse_field_names,
    parse_fields,
    parse_merchant_id,
    parse_token,
)
from loyalty_service.merchants.proofs import DROPPED_PROOF
from loyalty_service.merchants.store import MerchantStore, make_generation
from runtime.hosts import is_loopback

# A change of one of these may point to another project at the provider: older held snapshots must not be shown.
_WAY_TO_PROVIDER = frozenset({"provider_url", "provider_token", "profile"})


class MerchantService:
    """`check_profile` raises BadValueError for a line that the provider's adapter cannot read."""

    def __init__(
        self,
        store: MerchantStore,
        provider: LoyaltyProvider,
        *,
        check_profile: Callable[[str], object],
        probe_timeout_s: float,
    ) -> None:
        self._store = store
        self._provider = provider
        self._check_profile = check_profile
        self._probe_timeout_s = probe_timeout_s

    async def create(
        self, merchant_id: str, given: GivenFields, token: str, *, probe: bool, allow_private_url: bool
    ) -> Merchant:
        """Raises BadValueError, MerchantExistsError, and ProviderError where the probe fails; nothing is added then."""
        now = datetime.now(UTC)
        fields = self._parse(given, FIELD_NAMES, allow_private_url=allow_private_url)
        limits = Limits(**{name: fields.pop(field) for field, name in LIMIT_FIELDS.items()})
        merchant = Merchant(
            merchant_id=parse_merchant_id(merchant_id),
            provider_token=parse_token(token),
            generation=make_generation(),
            create_time=now,  # the database sets it
            update_time=now,
            limits=limits,
            **fields,
        )
        if is_loopback(urlsplit(merchant.provider_url).hostname or ""):
            merchant = msgspec.structs.replace(merchant, verification=_make_own_verification(now))
        if await self._exists(merchant_id):
            raise MerchantExistsError(merchant_id)
        if probe:
            await self._provider.probe(merchant, timeout_s=self._probe_timeout_s)
        return await self._store.add(merchant)

    async def update(  # noqa: PLR0913  one argument per field of the request
        self,
        merchant_id: str,
        given: GivenFields,
        paths: Collection[str],
        token: str,
        *,
        probe: bool,
        allow_private_url: bool,
    ) -> Merchant:
        """Change the fields that `paths` names, and the token unless it is empty.

        The proof of its points ends if a new token is not tried, or does not read the member of the proof. Raises
        BadValueError, MerchantNotFoundError, and ProviderError where the probe or that read fails: then nothing is
        changed.
        """
        names = parse_field_names(paths)
        if not names and not token:
            raise BadValueError("update_mask", "must name a field, or provider_token must be given")
        current = await self._store.get(merchant_id)
        changes = self._parse(given, names, allow_private_url=allow_private_url)
        if token:
            changes["provider_token"] = parse_token(token)
        if _WAY_TO_PROVIDER & changes.keys():
            changes["generation"] = make_generation()
            way = {name: value for name, value in changes.items() if name in _WAY_TO_PROVIDER | {"generation"}}
            changed = msgspec.structs.replace(current, **way)
            if probe:
                await self._provider.probe(changed, timeout_s=self._probe_timeout_s)
            if not await self._keeps_proof(current, changed, may_ask=probe):
                changes |= DROPPED_PROOF
        return await self._store.change(merchant_id, changes)

    async def check(self, merchant_id: str, *, tolerates: bool = False) -> tuple[Findings, ProviderError | None]:
        """Ask the provider whether the token works; returns what its answers have shown so far.

        `tolerates`: where the provider could not be asked, the error is returned beside it, not raised. Raises
        MerchantNotFoundError, ProviderError.
        """
        merchant, failure = await self._store.get(merchant_id), None
        try:
            await self._provider.probe(merchant, timeout_s=self._probe_timeout_s)
        except ProviderError as error:
            if not tolerates:
                raise
            failure = error
        return self._provider.get_findings(merchant), failure

    async def _keeps_proof(self, current: Merchant, changed: Merchant, *, may_ask: bool) -> bool:
        """Whether what was proven holds as far as the token goes: a new one may be of another project.

        A change of profile or URL alone is seen by the fingerprint, whenever the merchant is read, and may be undone.
        Raises ProviderError.
        """
        proof = current.verification
        if proof is None or changed.provider_token == current.provider_token or proof.verified_by == LOOPBACK:
            return True
        is_same_way = (changed.provider_url, changed.profile) == (current.provider_url, current.profile)
        if proof.member is None or not may_ask or not is_same_way:
            return False
        identity = Identity(kind="member_id", value=proof.member.member_id)
        try:
            found = await self._provider.inspect(changed, identity, timeout_s=self._probe_timeout_s)
        except MemberNotFoundError:
            return False
        return found.member.support_id == proof.member.support_id

    async def _exists(self, merchant_id: str) -> bool:
        try:
            await self._store.get(merchant_id)
        except MerchantNotFoundError:
            return False
        return True

    def _parse(self, given: GivenFields, names: Collection[str], *, allow_private_url: bool) -> dict[str, Any]:
        fields = parse_fields(given, names, allow_private_url=allow_private_url)
        if "profile" in fields:
            try:
                self._check_profile(fields["profile"])
            except BadValueError as error:
                raise BadValueError("merchant.profile", error.description) from error
        return fields


def _make_own_verification(now: datetime) -> Verification:
    """Of a provider on this machine: nobody's points are at stake, until its profile or its address changes."""
    return Verification(verify_time=now, verified_by=LOOPBACK, member=None, is_current=True)
