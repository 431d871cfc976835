"""HTTP integrations and widgets, as installed over the REST API."""

from typing import Any

import msgspec

TRIGGERS = frozenset(
    {
        "ticket-created",
        "ticket-updated",
        "ticket-message-created",
        "ticket-self-unsnoozed",
        "ticket-message-failed",
        "ticket-assignment-updated",
        "ticket-status-updated",
        "ticket-handed-over",
    }
)
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"})


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`triggers` in either spelling, as they were sent. `form`: sent as the body if the method has one."""

    url: str
    method: str
    request_content_type: str
    response_content_type: str
    headers: dict[str, str] = {}
    triggers: dict[str, bool] = {}
    form: Any = None

    def fires_on(self, trigger: str) -> bool:
        """Whether `trigger` (with hyphens) is on."""
        return any(on and name.replace("_", "-") == trigger for name, on in self.triggers.items())


class Integration(msgspec.Struct, kw_only=True):
    """`failures` counts failed calls in a row."""

    id: int
    name: str
    description: str | None
    http: HttpSettings
    created_datetime: str
    updated_datetime: str
    deactivated_datetime: str | None = None
    failures: int = 0


class Widget(msgspec.Struct, kw_only=True):
    id: int
    type: str
    template: dict[str, Any]
    context: str
    integration_id: int | None
    app_id: str | None
    order: int
    created_datetime: str
    updated_datetime: str
    deactivated_datetime: str | None = None


class HeldResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The newest JSON that an integration answered for a customer.

    `call_id`: the call that it came from; ids only rise.
    """

    integration_id: int
    customer_id: int
    call_id: int
    time: str
    body: Any
