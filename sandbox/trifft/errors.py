"""The API's errors."""

from sandbox.trifft.rate import MAX_REQUESTS, WINDOW_S

_EXCEPTIONS = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    402: "RequestFailedException",
    403: "AccessDeniedException",
    404: "NotFoundException",
    413: "PayloadTooLargeException",
    415: "UnsupportedMediaTypeException",
    429: "RateLimitExceededException",
    500: "InternalErrorException",
    503: "ServiceUnavailableException",
}
_MESSAGES = {
    400: "The request is not valid.",
    401: "The API token is not valid.",
    402: "The request is valid, but it failed.",
    403: "API token lacks the required ROLE_READ_MEMBER role",
    404: "Not found.",
    429: f"You have exceeded the rate limit of {MAX_REQUESTS} requests in {WINDOW_S:g} seconds. "
    "Every new request is refused for the next 60 seconds.",
    500: "An internal error occurred.",
    503: "The service is not available.",
}


class ApiError(Exception):
    """An answer other than 200. `exception`: the class that the envelope names."""

    def __init__(self, status: int, message: str | None = None) -> None:
        self.status = status
        self.message = message or _MESSAGES[status]
        self.exception = _EXCEPTIONS[status]
        super().__init__(self.message)
