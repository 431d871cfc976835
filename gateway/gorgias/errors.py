"""Errors of calls to Gorgias' REST API.

GorgiasError
├── GorgiasCredentialsError    the user and API key are refused, or may not do this
├── GorgiasNotFoundError       no such object; for an account's address: no such account
├── GorgiasRefusedError understood and refused (400, 409, 413 …)
├── GorgiasTooLongError a list with more pages than we read
├── GorgiasThrottledError too many requests, also after waiting
├── GorgiasUnavailableError not reached, too slow (or 408), or 5xx
└── GorgiasContractError       the answer is not what Gorgias documents

Messages say what to do, and never contain the key or a widget credential.
"""


class GorgiasError(Exception):
    """Base of all errors here: what happened, and what to do."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(f"{detail}: {advice}")
        self.detail = detail
        self.advice = advice


class GorgiasCredentialsError(GorgiasError):
    """401: Gorgias does not know the user and key (`is_unknown_key`). 403: they lack a right."""

    def __init__(self, detail: str, advice: str, *, is_unknown_key: bool) -> None:
        super().__init__(detail, advice)
        self.is_unknown_key = is_unknown_key


class GorgiasNotFoundError(GorgiasError):
    """404."""


class GorgiasRefusedError(GorgiasError):
    """Any other 4xx."""


class GorgiasTooLongError(GorgiasError):
    """More pages than are read."""


class GorgiasThrottledError(GorgiasError):
    """429, or our own share of the account's rate is used up (`is_ours`). Nothing was done.

    `retry_after_s`: seconds to wait.
    """

    def __init__(self, retry_after_s: float, *, is_ours: bool = False) -> None:
        super().__init__("Gorgias' rate limit is used up", "try again in a minute")
        self.retry_after_s = retry_after_s
        self.is_ours = is_ours


class GorgiasUnavailableError(GorgiasError):
    """Connection error, timeout, 408 or 5xx. The request may have been carried out."""


class GorgiasContractError(GorgiasError):
    """An answer that cannot be read, or a redirect. The request may have been carried out.

    `location`: the path that a redirect leads to; empty if it leads to another host.
    """

    def __init__(self, detail: str, advice: str, *, location: str | None = None) -> None:
        super().__init__(detail, advice)
        self.location = location
