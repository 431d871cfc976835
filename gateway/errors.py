"""What goes wrong at the edge, and the one table from a reason to an HTTP status.

GatewayError
├── CredentialError            the widget's or button's credential is missing or wrong
├── WebhookSecretError         a webhook's secret is missing or wrong
├── StoreUnavailableError      the gateway's database does not answer
├── AwardTokenError            the panel cannot be used (forged, foreign, expired), or has no member
├── RequestError               malformed body or value, or one that does not come (400, 408, 413, 415)
├── TicketMissingError         the button does not say on which ticket it was pressed
├── TicketNotFoundError        the button was pressed on a ticket that Gorgias does not know
├── TicketNotCheckedError      Gorgias does not say whose ticket it is
├── OtherCustomerError         the ticket belongs to another customer than the panel's
├── RateLimitedError           this shop presses buttons too fast
├── NotDroppedError            a webhook came, and what is held could not be dropped: it may come again
├── AwardRefusedError          an award or an undo is on record, and nothing was booked
└── LoyaltyCallError           the loyalty service said no, or could not be asked
"""

import enum
from datetime import datetime
from http import HTTPStatus

import grpc

from protos.loyalty.v1 import loyalty_pb2 as pb

# The reason picks the exact status; it is a name of the proto's ErrorReason, or one of the edge's own below.
HTTP_STATUS = {
    "BAD_VALUE": HTTPStatus.BAD_REQUEST,
    "CALLER_UNKNOWN": HTTPStatus.UNAUTHORIZED,
    "MERCHANT_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "MERCHANT_EXISTS": HTTPStatus.CONFLICT,
    "MEMBER_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "MEMBER_AMBIGUOUS": HTTPStatus.UNPROCESSABLE_ENTITY,
    "MEMBER_BLOCKED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "WALLET_DISABLED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "AWARD_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "REQUEST_ID_REUSED": HTTPStatus.CONFLICT,
    "AWARD_IN_DOUBT": HTTPStatus.UNPROCESSABLE_ENTITY,
    "LIMIT_EXCEEDED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "AWARD_STATE": HTTPStatus.UNPROCESSABLE_ENTITY,
    "REVERSAL_TOO_LATE": HTTPStatus.UNPROCESSABLE_ENTITY,
    "SNAPSHOTS_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "STORE_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,  # of the edge's own database, too
    "STATUS_UNKNOWN": HTTPStatus.UNPROCESSABLE_ENTITY,
    "SEVERAL_WALLETS": HTTPStatus.UNPROCESSABLE_ENTITY,
    "PROVIDER_CREDENTIALS": HTTPStatus.BAD_GATEWAY,
    "PROVIDER_THROTTLED": HTTPStatus.SERVICE_UNAVAILABLE,
    "PROVIDER_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "PROVIDER_TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
    "PROVIDER_CONTRACT": HTTPStatus.BAD_GATEWAY,
    "PROVIDER_REFUSED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "INTERNAL_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
    # The edge's own.
    "CREDENTIAL": HTTPStatus.UNAUTHORIZED,
    "AWARD_TOKEN": HTTPStatus.BAD_REQUEST,
    "TICKET_MISSING": HTTPStatus.BAD_REQUEST,
    "TICKET_NOT_FOUND": HTTPStatus.UNPROCESSABLE_ENTITY,
    "TICKET_NOT_CHECKED": HTTPStatus.SERVICE_UNAVAILABLE,
    "OTHER_CUSTOMER": HTTPStatus.CONFLICT,
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

# The code picks the family, for a reason that a newer loyalty service knows and this table does not.
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
    """Empty for one that a newer loyalty service names."""
    return pb.ErrorReason.Name(reason) if reason in pb.ErrorReason.values() else ""


class NoTokenReason(enum.StrEnum):
    """In the place of a button's token: why the panel has none.

    There is no one member on the ticket, or no points of theirs can be changed.
    """

    NO_MEMBER = "no-member"
    SEVERAL_MEMBERS = "several-members"
    NO_EMAIL = "no-email"
    UNREADABLE_EMAIL = "unreadable-email"
    NO_POINTS = "no-points"


class GatewayError(Exception):
    """Base. `reason` is a key of HTTP_STATUS; the message is fit for the caller."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def status(self) -> HTTPStatus:
        return HTTP_STATUS[self.reason]

    @property
    def award_id(self) -> str:
        """Of the award that it is about; empty where it names none."""
        return ""


class CredentialError(GatewayError):
    """The same words whether the credential is missing, unknown or another shop's."""

    def __init__(self) -> None:
        super().__init__("CREDENTIAL", "a valid credential is needed: install the integration again")


class WebhookSecretError(GatewayError):
    """The same words whether the secret is missing, unknown or another shop's, and whether there is such a shop."""

    def __init__(self) -> None:
        super().__init__("CREDENTIAL", "the webhook's secret is missing or wrong: trifft-gorgias webhook show tells it")


class StoreUnavailableError(GatewayError):
    """Whose credential this is cannot be looked up now, or what is to be done cannot be written down."""

    def __init__(self) -> None:
        super().__init__("STORE_UNAVAILABLE", "the gateway's database does not answer")


class AwardTokenError(GatewayError):
    """A button's token is absent, too old, or not ours.

    Too old: `made_time` is when its panel was made, and `member_id` whose panel it was, if the token says so.
    Absent (`is_absent`): the panel had none; `why` is the reason, if the panel says so.
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
    """The request itself is at fault. `field` names the parameter, where one is."""

    def __init__(self, message: str, *, reason: str = "BAD_VALUE", field: str = "") -> None:
        super().__init__(reason, message)
        self.field = field


class TicketMissingError(GatewayError):
    """Without its ticket a press would count for no limit of one, and leave no trace."""

    def __init__(self) -> None:
        super().__init__("TICKET_MISSING", "ticket_id must be the number of a ticket")


class TicketNotFoundError(GatewayError):
    """`ticket_id`: as the button brought it."""

    def __init__(self, ticket_id: str) -> None:
        super().__init__("TICKET_NOT_FOUND", "this Gorgias account has no such ticket")
        self.ticket_id = ticket_id


class TicketNotCheckedError(GatewayError):
    """`retry_after_s`: seconds until Gorgias may be asked, where that is known."""

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__("TICKET_NOT_CHECKED", "Gorgias did not say whose ticket this is: try again in a minute")
        self.retry_after_s = retry_after_s


class OtherCustomerError(GatewayError):
    """None of the customer's addresses is the one by which the panel's member was found."""

    def __init__(self) -> None:
        super().__init__("OTHER_CUSTOMER", "the ticket belongs to another customer than the panel")


class RateLimitedError(GatewayError):
    """`retry_after_s`: whole seconds until the next press is taken."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("RATE_LIMITED", f"too many actions: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class NotDroppedError(GatewayError):
    """`retry_after_s`: when the sender of a webhook may send it again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("LOYALTY_UNAVAILABLE", "what is held could not be dropped: send this again")
        self.retry_after_s = retry_after_s


class AwardRefusedError(GatewayError):
    """`reason`: why the provider did not book it; AWARD_STATE where it was checked, and found not to be booked."""

    def __init__(self, reason: str, award: pb.Award) -> None:
        super().__init__(reason, f"award {award.award_id} was not booked")
        self.award = award

    @property
    def award_id(self) -> str:
        return self.award.award_id


class LoyaltyCallError(GatewayError):
    """An RPC failed. `metadata` is the ErrorInfo's; `retry_after_s` the RetryInfo's.

    `is_answered`: the loyalty service itself said so, and for an award that means that nothing was sent, unless the
    error is an internal one.
    `is_sent`: False where the request certainly never left here.
    """

    def __init__(  # noqa: PLR0913 - one value per thing that a status carries
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
