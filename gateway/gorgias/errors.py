"""What a call of Gorgias' REST API may raise.

GorgiasError
├── GorgiasCredentialsError    the user and API key are refused, or may not do this
├── GorgiasNotFoundError       no such object; for an account's address: no such account
├── GorgiasRefusedError        understood and refused (400, 409, 413 …)
├── GorgiasTooLongError        a list that has no end, as far as it is read
├── GorgiasThrottledError      too many requests, and it did not pass
├── GorgiasUnavailableError    not reached, too slow (408, too), or 5xx
└── GorgiasContractError       the answer is not what Gorgias documents

Messages say what to do and never hold the key or a widget credential.
"""


class GorgiasError(Exception):
    """Base of what a call may raise: what happened, and what to do about it."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(f"{detail}: {advice}")
        self.detail = detail
        self.advice = advice


class GorgiasCredentialsError(GorgiasError):
    """401, 403."""


class GorgiasNotFoundError(GorgiasError):
    """404."""


class GorgiasRefusedError(GorgiasError):
    """Any other 4xx."""


class GorgiasTooLongError(GorgiasError):
    """More pages than are read."""


class GorgiasThrottledError(GorgiasError):
    """429, or our own share of the account's rate is used up (`is_ours`): nothing was done.

    `retry_after_s`: seconds to wait.
    """

    def __init__(self, retry_after_s: float, *, is_ours: bool = False) -> None:
        super().__init__("Gorgias' rate limit is used up", "try again in a minute")
        self.retry_after_s = retry_after_s
        self.is_ours = is_ours


class GorgiasUnavailableError(GorgiasError):
    """Connection, time-out, 408, 5xx. What was asked for may have been done."""


class GorgiasContractError(GorgiasError):
    """An answer that cannot be read, or a redirect. What was asked for may have been done."""
