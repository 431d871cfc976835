"""The errors of the domain.

LoyaltyError
├── BadValueError
├── CallerUnknownError · CallerForbiddenError · CallerExistsError · CallerNotFoundError (caller_errors.py)
├── MerchantNotFoundError · MerchantExistsError · MerchantUnverifiedError
├── MemberNotFoundError · MemberAmbiguousError · SearchesExhaustedError
├── MemberBlockedError · MemberStatusUnknownError
├── WalletDisabledError · SeveralWalletsError
├── AwardNotFoundError · RequestIdReusedError · AwardInDoubtError · LimitExceededError
├── AwardStateError · ReversalTooLateError
├── SnapshotsUnavailableError · StoreUnavailableError
└── ProviderError
    ├── ProviderCredentialsError
    ├── ProviderThrottledError
    ├── ProviderUnavailableError
    ├── ProviderTimeoutError
    ├── ProviderContractError
    └── ProviderRefusedError

`reason` is a name of the proto's ErrorReason. A message is for people and holds no token, e-mail or phone number.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

# An agent asks the person for one of these.
MAX_SUPPORT_IDS = 5


class LoyaltyError(Exception):
    """Base of all errors that a caller may see. `metadata` is sent with it: texts under snake_case names."""

    reason: ClassVar[str]

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata


class BadValueError(LoyaltyError):
    """A field of the request is missing or malformed. `description` completes "`field` …"."""

    reason = "BAD_VALUE"

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field} {description}")
        self.field = field
        self.description = description


class MerchantNotFoundError(LoyaltyError):
    reason = "MERCHANT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no shop has this id")


class MerchantExistsError(LoyaltyError):
    reason = "MERCHANT_EXISTS"

    def __init__(self, merchant_id: str) -> None:
        super().__init__(f"shop {merchant_id} already exists")


class MerchantUnverifiedError(LoyaltyError):
    reason = "MERCHANT_UNVERIFIED"

    def __init__(self) -> None:
        super().__init__("this shop is not verified, so it gives no points: its point scale may be wrong")


class MemberNotFoundError(LoyaltyError):
    """The provider knows no such member, or only an anonymised one. `fetch_time`: when it was asked.

    `search_count`: how often the call searched the provider.
    """

    reason = "MEMBER_NOT_FOUND"

    def __init__(self, fetch_time: datetime, *, search_count: int = 0) -> None:
        super().__init__("no such member", fetch_time=rfc3339(fetch_time), search_count=str(search_count))
        self.fetch_time = fetch_time


class MemberAmbiguousError(LoyaltyError):
    """Several members have the same identity. `fetch_time`, `search_count`: as for MemberNotFoundError.

    `support_ids`: each member's support ID, cleaned, by the member's id; empty where there is none to read.
    """

    reason = "MEMBER_AMBIGUOUS"

    def __init__(self, support_ids: Mapping[str, str], fetch_time: datetime, *, search_count: int = 0) -> None:
        count = len(support_ids)
        known = [support_id for support_id in support_ids.values() if support_id]
        super().__init__(
            f"{count} members have this identity",
            member_count=str(count),
            support_ids=json.dumps(known[:MAX_SUPPORT_IDS], ensure_ascii=False),
            fetch_time=rfc3339(fetch_time),
            search_count=str(search_count),
        )
        self.support_ids = support_ids
        self.member_count = count
        self.fetch_time = fetch_time


class SearchesExhaustedError(LoyaltyError):
    """A person's identities need more searches than the call may make. `search_count`: the searches that it made."""

    reason = "SEARCHES_EXHAUSTED"

    def __init__(self, search_count: int) -> None:
        message = f"the identities need more than {search_count} searches"
        super().__init__(message, search_count=str(search_count))


class MemberBlockedError(LoyaltyError):
    reason = "MEMBER_BLOCKED"

    def __init__(self) -> None:
        super().__init__("this member is blocked in TRIFFT")


class MemberStatusUnknownError(LoyaltyError):
    """`word`: the provider's own status, cleaned; empty where there is none."""

    reason = "STATUS_UNKNOWN"

    def __init__(self, word: str) -> None:
        super().__init__("the shop's profile does not know this member's status", status=word)


class WalletDisabledError(LoyaltyError):
    reason = "WALLET_DISABLED"

    def __init__(self) -> None:
        super().__init__("points are switched off for this member")


class SeveralWalletsError(LoyaltyError):
    reason = "SEVERAL_WALLETS"

    def __init__(self) -> None:
        super().__init__("this member has several wallets, and the shop's profile does not say which one counts")


class AwardNotFoundError(LoyaltyError):
    reason = "AWARD_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no such award")


class RequestIdReusedError(LoyaltyError):
    reason = "REQUEST_ID_REUSED"

    def __init__(self, award_id: str) -> None:
        super().__init__(f"this request_id belongs to award {award_id}, which has other content", award_id=award_id)


class AwardInDoubtError(LoyaltyError):
    """An unsettled award of the member: its request, its ticket (may be empty), and when it was last tried."""

    reason = "AWARD_IN_DOUBT"

    def __init__(self, award_id: str, *, request_id: str, ticket_id: str, attempt_time: datetime) -> None:
        ticket = {"ticket_id": ticket_id} if ticket_id else {}
        super().__init__(
            f"award {award_id} of this member is not settled yet",
            award_id=award_id,
            award_request_id=request_id,
            attempt_time=rfc3339(attempt_time),
            **ticket,
        )


class LimitExceededError(LoyaltyError):
    """`limit` is a name from domain.limits ("per_ticket"); `used` of its `maximum` points are used."""

    reason = "LIMIT_EXCEEDED"

    def __init__(self, limit: str, *, maximum: int, used: int) -> None:
        left = max(0, maximum - used)
        super().__init__(
            f"the limit {limit} is {maximum} points, and {used} of them are used",
            limit=limit,
            maximum=str(maximum),
            used=str(used),
            left=str(left),
        )


class AwardStateError(LoyaltyError):
    """The award's state does not allow what was asked for. `state`: a value of AwardState, or "reversal"."""

    reason = "AWARD_STATE"

    def __init__(self, award_id: str, state: str) -> None:
        super().__init__(f"award {award_id} is {state}", award_id=award_id, state=state)


class ReversalTooLateError(LoyaltyError):
    """The award could be reversed until `expire_time`."""

    reason = "REVERSAL_TOO_LATE"

    def __init__(self, award_id: str, expire_time: datetime) -> None:
        message = f"award {award_id} could be reversed until {rfc3339(expire_time)}"
        super().__init__(message, award_id=award_id, expire_time=rfc3339(expire_time))


class SnapshotsUnavailableError(LoyaltyError):
    """The shared store does not answer: held snapshots cannot be read, and it is not certain that they were dropped."""

    reason = "SNAPSHOTS_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("the snapshot store does not answer, so it may still hold the snapshot")


class StoreUnavailableError(LoyaltyError):
    """Our own database does not answer, or fails. `retry_after_s`: when a retry makes sense."""

    reason = "STORE_UNAVAILABLE"
    retry_after_s = 2.0

    def __init__(self) -> None:
        super().__init__("the loyalty service's database does not answer")


class ProviderError(LoyaltyError):
    """The provider failed us. Its own text stays in the log."""


class ProviderCredentialsError(ProviderError):
    """Token refused, expired, or without a role."""

    reason = "PROVIDER_CREDENTIALS"


class ProviderThrottledError(ProviderError):
    """`retry_after_s`: when a retry makes sense."""

    reason = "PROVIDER_THROTTLED"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ProviderUnavailableError(ProviderError):
    """Not reached, or answered 5xx."""

    reason = "PROVIDER_UNAVAILABLE"


class ProviderTimeoutError(ProviderError):
    reason = "PROVIDER_TIMEOUT"


class ProviderContractError(ProviderError):
    """The answer is not what the wire profile says."""

    reason = "PROVIDER_CONTRACT"


class ProviderRefusedError(ProviderError):
    """The provider understood the request and refused it for good: its 400 and 402."""

    reason = "PROVIDER_REFUSED"


class BookingUnknownError(Exception):
    """A credit or a debit was sent and its outcome is not known: 5xx, reset, timeout, or an answer that cannot be read.

    The awards package catches it and makes it the state UNKNOWN. The text completes "sent, and …", for people.
    """


class BookingContradictedError(BookingUnknownError):
    """The provider says that it has booked other points than it was asked for: a person must look."""


def rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
