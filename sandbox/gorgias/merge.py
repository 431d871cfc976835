"""Merges two customers: one is deleted, and its channels, tickets and answers become the other's."""

import msgspec

from sandbox.gorgias import events
from sandbox.gorgias.account import Account
from sandbox.gorgias.customer import Customer
from sandbox.gorgias.triggers import Triggers


class MergeError(Exception):
    """These customers cannot be merged; the text says why."""


def merge(account: Account, triggers: Triggers, source: Customer, target: Customer) -> None:
    """Each ticket of the source fires `ticket-updated` (assumed). Raises MergeError."""
    if source is target:
        raise MergeError("A customer cannot be merged into itself.")
    _merge_answers(account, source, target)
    state = account.state
    target.set_channels(target.channels + source.channels)
    del state.customers[source.id]
    state.merged = {old: target.id if new == source.id else new for old, new in state.merged.items()}
    state.merged[source.id] = target.id
    account.save("sidebar", customer_id=target.id)
    for ticket in state.tickets.values():
        if ticket.customer_id == source.id:
            events.set_customer(account, triggers, ticket, target.id)


def _merge_answers(account: Account, source: Customer, target: Customer) -> None:
    """An integration's answer for the source stays only where there is none for the target. Raises MergeError."""
    state = account.state
    answered = {held.integration_id for held in state.held if held.customer_id == target.id}
    of_source = [held for held in state.held if held.customer_id == source.id]
    if state.switches.answers_block_merge and any(held.integration_id in answered for held in of_source):
        raise MergeError("Both customers have data of the same integration.")
    moved = [msgspec.structs.replace(h, customer_id=target.id) for h in of_source if h.integration_id not in answered]
    state.held = [held for held in state.held if held.customer_id != source.id] + moved
