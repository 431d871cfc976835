"""Composes notes from the present data of award and member, and recognises a written note."""

from gateway.errors import LoyaltyCallError
from gateway.gorgias.tickets import Message
from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.wording.note import NoteKind, Whom, say_note
from protos.loyalty.v1 import loyalty_pb2 as pb

# The timeout of one call to the loyalty service.
TIMEOUT_S = 2.0
# Older awards get no note.
_JUST_S = 120.0
# The notes that end a doubt, and the actor if no person settled the award (AwardChange.actor in the proto).
_SETTLED_KINDS = frozenset({NoteKind.ARRIVED, NoteKind.NEVER, NoteKind.AFTER_ALL})
_SERVICE = "loyalty_service"


class Notes:
    def __init__(self, client: LoyaltyClient, merchants: Merchants) -> None:
        self._client = client
        self._merchants = merchants

    async def compose(
        self, award: pb.Award, kind: NoteKind, *, ticket_id: int, award_age_s: float, has_left: bool
    ) -> str:
        """Compose a note. `has_left`: the ticket has another customer now. Raises LoyaltyCallError."""
        # Later, the tier may have changed for another reason.
        is_just_done = kind is NoteKind.DONE and award_age_s < _JUST_S
        if has_left:
            whom = Whom(has_left=True)
        else:
            whom = await self._fetch_whom(award, says_tier=is_just_done and not award.reversed_by)
        settled = await self._fetch_settling(award) if kind in _SETTLED_KINDS and not has_left else None
        shop = await self._merchants.get(award.merchant_id)
        return say_note(award, kind, whom, shop, settled, ticket_id=ticket_id)

    async def _fetch_settling(self, award: pb.Award) -> pb.AwardChange | None:
        """Fetch how a person settled it; None: no person did. Raises LoyaltyCallError."""
        request = pb.GetAwardRequest(merchant_id=award.merchant_id, award_id=award.award_id)
        changes = (await self._client.get_award(request, timeout_s=TIMEOUT_S)).changes
        return changes[-1] if changes and changes[-1].actor != _SERVICE else None

    async def _fetch_whom(self, award: pb.Award, *, says_tier: bool) -> Whom:
        """Fetch the member as they are now; what is not known is left out."""
        try:
            snapshot = await self._client.get_member(award.merchant_id, award.member_id, timeout_s=TIMEOUT_S)
        except LoyaltyCallError:
            return Whom()
        member = snapshot.member
        says_tier = says_tier and snapshot.stale_reason == pb.ERROR_REASON_UNSPECIFIED
        return Whom(
            name=member.full_name, support_id=member.support_id, tier=member.tier.display_name if says_tier else None
        )


def has_reference(message: Message, reference: str) -> bool:
    """Whether this is the internal note that ends with this line."""
    return message.is_note and message.text.strip().split("\n")[-1].strip() == reference
