"""Whether support may give a member points or take points away. The same for every caller.

A reversal skips this check on purpose: it corrects a mistake, even if the member has been blocked since then. The
provider decides.
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

    An unreadable balance is no reason to refuse: the provider knows the balance.
    """
    if member.status is MemberStatus.BLOCKED:
        return MemberBlockedError()
    if member.status is MemberStatus.UNKNOWN:
        return MemberStatusUnknownError(member.status_word)
    if member.wallet is NoBalance.SEVERAL:
        return SeveralWalletsError()
    return WalletDisabledError() if member.wallet is NoBalance.DISABLED else None
