"""Whether a member may get points, or lose some, whoever asks."""

from loyalty_service.domain.errors import (
    LoyaltyError,
    MemberBlockedError,
    MemberStatusUnknownError,
    SeveralWalletsError,
    WalletDisabledError,
)
from loyalty_service.domain.member import Member, MemberStatus, NoBalance


def find_refusal(member: Member) -> LoyaltyError | None:
    """None where the member is eligible. A balance that cannot be read is none: the provider knows it."""
    if member.status is MemberStatus.BLOCKED:
        return MemberBlockedError()
    if member.status is MemberStatus.UNKNOWN:
        return MemberStatusUnknownError(member.status_word)
    if member.wallet is NoBalance.SEVERAL:
        return SeveralWalletsError()
    return WalletDisabledError() if member.wallet is NoBalance.DISABLED else None
