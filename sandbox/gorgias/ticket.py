"""Tickets and their messages in Gorgias."""

from typing import Literal

import msgspec


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the helpdesk."""

    id: int
    name: str
    email: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`channel` is "internal-note" for a message that only agents see.

    Agents read `body_html`; without it, `body_text`. Times are ISO-8601, UTC.
    """

    id: int
    ticket_id: int
    channel: str
    from_agent: bool
    via: str
    sender_name: str
    sender_email: str | None
    body_text: str
    body_html: str
    created_datetime: str
    external_id: str | None = None


class Ticket(msgspec.Struct, kw_only=True):
    """`assignee_email`: None while the ticket is not assigned. Times are ISO-8601, UTC."""

    id: int
    customer_id: int
    subject: str
    channel: str
    status: Literal["open", "closed"]
    tags: list[str]
    assignee_email: str | None
    created_datetime: str
    updated_datetime: str
