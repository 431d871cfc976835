"""Ticket events, whoever causes them, and the trigger that each fires.

Each function changes the ticket and fires its trigger once; a call that changes nothing fires nothing. Opening a ticket
is no event. It is assumed that a change of tags fires `ticket-updated` (contract section 6).
"""

from typing import Literal

from sandbox.gorgias.account import Account
from sandbox.gorgias.customer import Customer
from sandbox.gorgias.markup import make_html
from sandbox.gorgias.ticket import Message, Ticket
from sandbox.gorgias.triggers import Triggers

SUBJECT_CHARACTERS = 60


def create_ticket(account: Account, triggers: Triggers, customer: Customer, channel: str, text: str) -> Ticket:
    """Create a ticket with a first message of the customer. Fires `ticket-created` alone."""
    now = account.get_time()
    subject = text if len(text) <= SUBJECT_CHARACTERS else f"{text[:SUBJECT_CHARACTERS]}…"
    ticket = Ticket(
        id=account.make_id(),
        customer_id=customer.id,
        subject=subject,
        channel=channel,
        status="open",
        tags=[],
        assignee_email=None,
        created_datetime=now,
        updated_datetime=now,
    )
    account.state.tickets[ticket.id] = ticket
    message = Message(
        id=account.make_id(),
        ticket_id=ticket.id,
        channel=channel,
        from_agent=False,
        via=channel,
        sender_name=customer.name,
        sender_email=customer.email,
        body_text=text,
        body_html=make_html(text),
        created_datetime=now,
    )
    account.state.messages[message.id] = message
    _finish(account, triggers, ticket, "ticket-created")
    return ticket


def set_tags(account: Account, triggers: Triggers, ticket: Ticket, tags: list[str]) -> bool:
    if tags == ticket.tags:
        return False
    ticket.tags = tags
    _finish(account, triggers, ticket, "ticket-updated")
    return True


def set_status(account: Account, triggers: Triggers, ticket: Ticket, status: Literal["open", "closed"]) -> bool:
    if status == ticket.status:
        return False
    ticket.status = status
    _finish(account, triggers, ticket, "ticket-status-updated")
    return True


def set_assignee(account: Account, triggers: Triggers, ticket: Ticket, email: str | None) -> bool:
    if email == ticket.assignee_email:
        return False
    ticket.assignee_email = email
    _finish(account, triggers, ticket, "ticket-assignment-updated")
    return True


def set_customer(account: Account, triggers: Triggers, ticket: Ticket, customer_id: int) -> bool:
    """Fires `ticket-updated` (assumed)."""
    if customer_id == ticket.customer_id:
        return False
    ticket.customer_id = customer_id
    _finish(account, triggers, ticket, "ticket-updated")
    return True


def add_message(  # noqa: PLR0913 - a message has this many parts
    account: Account,
    triggers: Triggers,
    ticket: Ticket,
    *,
    channel: str,
    from_agent: bool,
    via: str,
    sender_name: str,
    sender_email: str | None,
    body_text: str,
    body_html: str | None = None,
    external_id: str | None = None,
) -> Message:
    message = Message(
        id=account.make_id(),
        ticket_id=ticket.id,
        channel=channel,
        from_agent=from_agent,
        via=via,
        sender_name=sender_name,
        sender_email=sender_email,
        body_text=body_text,
        body_html=make_html(body_text) if body_html is None else body_html,
        created_datetime=account.get_time(),
        external_id=external_id,
    )
    account.state.messages[message.id] = message
    _finish(account, triggers, ticket, "ticket-message-created")
    return message


def _finish(account: Account, triggers: Triggers, ticket: Ticket, trigger: str) -> None:
    ticket.updated_datetime = account.get_time()
    account.save("ticket", ticket_id=ticket.id)
    triggers.fire(account, ticket, trigger)
