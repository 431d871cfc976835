"""Whether a member may be given points, or have some taken away, whoever asks.

A reversal is not asked for this, on purpose: it takes back a mistake, also one that was made for a member who has been
blocked since. TRIFFT has the last word.
"""

from loyalty_service.domain.errors import (
    LoyaltyError,
    MemberBlockedError,
    MemberStatusUnknownError,
    SeveralWalletsError,
    WalletDisabledError,
)
from loyalty_service.domain.member import Member, MemberStatus, NoBalance


def find_ineligibility(member: Member) -> LoyaltyError | None:
    """None where the member is eligible.

    A balance that we cannot read is no reason to refuse: the provider knows it.
    """
    if member.status is MemberStatus.BLOCKED:
        return MemberBlockedError()
    if member.status is MemberStatus.UNKNOWN:
        return MemberStatusUnknownError(member.status_word)
    if member.wallet is NoBalance.SEVERAL:
        return SeveralWalletsError()
    return WalletDisabledError() if member.wallet is NoBalance.DISABLED else None
