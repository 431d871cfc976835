"""What is kept with an award of its member, as far as it is known when the award is opened."""

import msgspec

from loyalty_service.domain.award import AwardRequest
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.snapshot import Snapshot
from runtime.text import cut, make_line

MAX_KEPT_CHARS = 200


def add_circumstances(request: AwardRequest, merchant: Merchant, held: Snapshot | None) -> AwardRequest:
    """What is held of the member; a support ID that the request has already is kept where nothing is."""
    tier = held.member.tier if held else None
    return msgspec.structs.replace(
        request,
        tier_before=_keep(tier.display_name) if tier else "",
        member_support_id=_keep(held.member.support_id) if held else request.member_support_id,
        merchant_generation=merchant.generation,
    )


def _keep(text: str) -> str:
    """As it may be stored: the provider's text is no caller's."""
    return cut(make_line(text), MAX_KEPT_CHARS)
