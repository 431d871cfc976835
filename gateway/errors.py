"""The gateway's errors, and the table from a reason to an HTTP status.

GatewayError
├── CredentialError            the widget's or button's credential is missing or wrong
├── WebhookSecretError         a webhook's secret is missing or wrong
├── StoreUnavailableError      the gateway's database does not answer
├── AwardTokenError            the panel cannot be used (forged, foreign, expired), or has no member
├── RequestError malformed body or value, or a body that does not come (400, 408, 413, 415)
├── TicketMissingError         the button does not say on which ticket it was pressed
├── TicketNotFoundError        the button was pressed on a ticket that Gorgias does not know
├── TicketNotCheckedError      Gorgias does not say whose ticket it is
├── OtherCustomerError         the ticket belongs to another customer than the panel's
├── links.errors.…             why a customer is not linked, or not unlinked
├── RateLimitedError           this shop presses buttons too fast
├── NotDroppedError a webhook came, but the snapshot could not be dropped; the sender may repeat it
├── AwardRefusedError an award or an undo is on record, but nothing was booked
└── LoyaltyCallError the loyalty service refused, or could not be called
"""

import enum
from datetime import datetime
from http import HTTPStatus

import grpc

from protos.loyalty.v1 import loyalty_pb2 as pb

# The reason decides the exact status. It is a name of the proto's ErrorReason, or one of the gateway's own below.
HTTP_STATUS = {
    "BAD_VALUE": HTTPStatus.BAD_REQUEST,
    "CALLER_UNKNOWN": HTTPStatus.UNAUTHORIZED,
    "CALLER_FORBIDDEN": HTTPStatus.FORBIDDEN,
    "CALLER_EXISTS": HTTPStatus.CONFLICT,
    "CALLER_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "MERCHANT_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "MERCHANT_EXISTS": HTTPStatus.CONFLICT,
    "MERCHANT_UNVERIFIED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "MEMBER_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "MEMBER_AMBIGUOUS": HTTPStatus.UNPROCESSABLE_ENTITY,
    "SEARCHES_EXHAUSTED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "MEMBER_BLOCKED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "WALLET_DISABLED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "AWARD_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "REQUEST_ID_REUSED": HTTPStatus.CONFLICT,
    "AWARD_IN_DOUBT": HTTPStatus.UNPROCESSABLE_ENTITY,
    "LIMIT_EXCEEDED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "AWARD_STATE": HTTPStatus.UNPROCESSABLE_ENTITY,
    "REVERSAL_TOO_LATE": HTTPStatus.UNPROCESSABLE_ENTITY,
    "SNAPSHOTS_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "STORE_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,  # also for the gateway's own database
    "STATUS_UNKNOWN": HTTPStatus.UNPROCESSABLE_ENTITY,
    "SEVERAL_WALLETS": HTTPStatus.UNPROCESSABLE_ENTITY,
    "PROVIDER_CREDENTIALS": HTTPStatus.BAD_GATEWAY,
    "PROVIDER_THROTTLED": HTTPStatus.SERVICE_UNAVAILABLE,
    "PROVIDER_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "PROVIDER_TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
    "PROVIDER_CONTRACT": HTTPStatus.BAD_GATEWAY,
    "PROVIDER_REFUSED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "INTERNAL_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
    # The gateway's own.
    "CREDENTIAL": HTTPStatus.UNAUTHORIZED,
    "AWARD_TOKEN": HTTPStatus.BAD_REQUEST,
    "TICKET_MISSING": HTTPStatus.BAD_REQUEST,
    "TICKET_NOT_FOUND": HTTPStatus.UNPROCESSABLE_ENTITY,
    "TICKET_NOT_CHECKED": HTTPStatus.SERVICE_UNAVAILABLE,
    "OTHER_CUSTOMER": HTTPStatus.CONFLICT,
    "LINK_EXISTS": HTTPStatus.CONFLICT,
    "LINK_GONE": HTTPStatus.CONFLICT,
    "LINK_LIMIT": HTTPStatus.UNPROCESSABLE_ENTITY,
    "RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
    "TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "BODY_INCOMPLETE": HTTPStatus.BAD_REQUEST,
    "BODY_TIMEOUT": HTTPStatus.REQUEST_TIMEOUT,
    "UNSUPPORTED_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "ROUTE_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "LOYALTY_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "LOYALTY_TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
}

# The gRPC code decides the status of a reason that only a newer loyalty service knows.
HTTP_STATUS_BY_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.UNPROCESSABLE_ENTITY,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}


def name_reason(reason: pb.ErrorReason.ValueType) -> str:
    """The reason's name; empty for one that only a newer loyalty service knows."""
    return pb.ErrorReason.Name(reason) if reason in pb.ErrorReason.values() else ""


class NoTokenReason(enum.StrEnum):
    """Stands for a button's token: why the panel has none.

    The ticket has no member or several members, or the member's points cannot be changed.
    """

    NO_MEMBER = "no-member"
    SEVERAL_MEMBERS = "several-members"
    NO_EMAIL = "no-email"
    UNREADABLE_EMAIL = "unreadable-email"
    NO_POINTS = "no-points"
    NOT_VERIFIED = "not-verified"
    # Of the buttons "Link to member" and "Unlink".
    HAS_MEMBER = "has-member"
    LINKED = "linked"
    NO_CUSTOMER = "no-customer"
    NOT_LINKED = "not-linked"


class GatewayError(Exception):
    """Base. `reason` is a key of HTTP_STATUS; the message may be shown to the caller."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def status(self) -> HTTPStatus:
        return HTTP_STATUS[self.reason]

    @property
    def award_id(self) -> str:
        """The award that the error is about; empty if it names none."""
        return ""


class CredentialError(GatewayError):
    """The message is the same for a missing, an unknown and another shop's credential."""

    def __init__(self) -> None:
        super().__init__("CREDENTIAL", "a valid credential is needed: install the integration again")


class WebhookSecretError(GatewayError):
    """The message is the same for a missing, an unknown and another shop's secret, and for an unknown shop."""

    def __init__(self) -> None:
        super().__init__(
            "CREDENTIAL", "the webhook's secret is missing or wrong: trifft-gorgias webhook show prints it"
        )


class StoreUnavailableError(GatewayError):
    """The gateway's database cannot look up the credential, or cannot store the work to do."""

    def __init__(self) -> None:
        super().__init__("STORE_UNAVAILABLE", "the gateway's database does not answer")


class AwardTokenError(GatewayError):
    """A button's token is absent, too old, or not ours.

    Too old: `made_time` is when its panel was made, `member_id` its member, if the token has them. Absent
    (`is_absent`): the panel had no token; `why` is the reason, if the panel has one.
    """

    def __init__(
        self,
        message: str,
        *,
        made_time: datetime | None = None,
        member_id: str = "",
        is_absent: bool = False,
        why: NoTokenReason | None = None,
    ) -> None:
        super().__init__("AWARD_TOKEN", message)
        self.made_time = made_time
        self.member_id = member_id
        self.is_absent = is_absent
        self.why = why


class RequestError(GatewayError):
    """The request is wrong. `field` names the parameter, if one is at fault."""

    def __init__(self, message: str, *, reason: str = "BAD_VALUE", field: str = "") -> None:
        super().__init__(reason, message)
        self.field = field


class TicketMissingError(GatewayError):
    """Without a ticket, a press would bypass the limit per ticket and leave no note."""

    def __init__(self) -> None:
        super().__init__("TICKET_MISSING", "ticket_id must be the number of a ticket")


class TicketNotFoundError(GatewayError):
    """`ticket_id`: as the button sent it."""

    def __init__(self, ticket_id: str) -> None:
        super().__init__("TICKET_NOT_FOUND", "this Gorgias account has no such ticket")
        self.ticket_id = ticket_id


class TicketNotCheckedError(GatewayError):
    """`retry_after_s`: seconds until Gorgias may be called, if known."""

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__("TICKET_NOT_CHECKED", "Gorgias did not say whose ticket this is: try again in a minute")
        self.retry_after_s = retry_after_s


class OtherCustomerError(GatewayError):
    """The ticket's customer lacks the address or link that found the panel's member.

    `found_by`: of which kind it was; empty: the ticket's e-mail address.
    """

    def __init__(self, found_by: str = "") -> None:
        super().__init__("OTHER_CUSTOMER", "the ticket belongs to another customer than the panel")
        self.found_by = found_by


class RateLimitedError(GatewayError):
    """`retry_after_s`: whole seconds until the next press is accepted."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("RATE_LIMITED", f"too many actions: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class NotDroppedError(GatewayError):
    """`retry_after_s`: when the sender of a webhook may send it again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("LOYALTY_UNAVAILABLE", "the held snapshot could not be dropped: send this again")
        self.retry_after_s = retry_after_s


class AwardRefusedError(GatewayError):
    """`reason`: why the provider did not book it; AWARD_STATE if a check found that it was not booked."""

    def __init__(self, reason: str, award: pb.Award) -> None:
        super().__init__(reason, f"award {award.award_id} was not booked")
        self.award = award

    @property
    def award_id(self) -> str:
        return self.award.award_id


class LoyaltyCallError(GatewayError):
    """An RPC failed. `metadata` is the ErrorInfo's; `retry_after_s` the RetryInfo's.

    `is_answered`: the loyalty service itself answered. For an award that means that nothing was sent, except after an
    internal error.
    `is_sent`: False if the request certainly did not leave this process.
    """

    def __init__(  # noqa: PLR0913 - one value per part of a status
        self,
        reason: str,
        message: str,
        *,
        code: grpc.StatusCode,
        metadata: dict[str, str],
        field: str = "",
        retry_after_s: float | None = None,
        is_answered: bool,
        is_sent: bool = True,
    ) -> None:
        super().__init__(reason, message)
        self.code = code
        self.metadata = metadata
        self.field = field
        self.retry_after_s = retry_after_s
        self.is_answered = is_answered
        self.is_sent = is_sent

    @property
    def status(self) -> HTTPStatus:
        by_code = HTTP_STATUS_BY_CODE.get(self.code, HTTPStatus.INTERNAL_SERVER_ERROR)
        return HTTP_STATUS.get(self.reason, by_code)

    @property
    def award_id(self) -> str:
        return self.metadata.get("award_id", "")
