"""The accounts at the first start, or from the state file."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from sandbox.gorgias.account import Account, AccountProfile, AccountState
from sandbox.gorgias.customer import Channel, Customer
from sandbox.gorgias.ticket import Agent, Message, Ticket

FIRST_IDS = 10_000
"""New ids start here. Each account has its own range, so that ids of two accounts are never the same."""
MESSAGE_GAP_S = 47 * 60


class SeedTicket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that starts with ">" is the agent's."""

    id: int
    subject: str
    messages: list[str]
    channel: str = "email"
    assignee: str | None = None
    tags: list[str] = []


class SeedCustomer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: int
    name: str
    email: str | None = None
    channels: list[Channel] = []
    """All but that of `email`."""
    tickets: list[SeedTicket]


class SeedAccount(AccountProfile, frozen=True, kw_only=True):
    customers: list[SeedCustomer]


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    accounts: list[SeedAccount]


def make_accounts(
    kept: bytes | None, clock: Callable[[], float], mark_changed: Callable[[], None]
) -> dict[str, Account]:
    """Make the accounts, by name. `kept`: the output of `encode_accounts`; raises msgspec.ValidationError otherwise."""
    seed = _load_seed()
    states = msgspec.json.decode(kept, type=dict[str, AccountState]) if kept else {}
    accounts = {}
    for position, given in enumerate(seed.accounts, start=1):
        state = states.get(given.name) or _make_state(given, FIRST_IDS * position, clock())
        fields: dict[str, Any] = {name: getattr(given, name) for name in AccountProfile.__struct_fields__}
        accounts[given.name] = Account(AccountProfile(**fields), state, clock, mark_changed)
    return accounts


def encode_accounts(accounts: dict[str, Account]) -> bytes:
    return msgspec.json.encode({name: account.state for name, account in accounts.items()})


@cache
def _load_seed() -> Seed:
    text = resources.files("sandbox.gorgias").joinpath("seed.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Seed)


def _make_state(seed: SeedAccount, first_id: int, now: float) -> AccountState:
    state = AccountState(next_id=first_id, tickets={}, customers={}, messages={})
    age_s = 0
    for given in seed.customers:
        customer = Customer(id=given.id, name=given.name, email=given.email, other_channels=given.channels)
        state.customers[customer.id] = customer
        for ticket in given.tickets:
            age_s += 53 * 60
            _add_ticket(state, ticket, customer, seed.agents, now - age_s)
    return state


def _add_ticket(
    state: AccountState, seed: SeedTicket, customer: Customer, agents: tuple[Agent, ...], last_time: float
) -> None:
    agent = next((agent for agent in agents if agent.email == seed.assignee), agents[0])
    times = [_make_time(last_time - MESSAGE_GAP_S * back) for back in reversed(range(len(seed.messages)))]
    state.tickets[seed.id] = Ticket(
        id=seed.id,
        customer_id=customer.id,
        subject=seed.subject,
        channel=seed.channel,
        status="open",
        tags=list(seed.tags),
        assignee_email=seed.assignee,
        created_datetime=times[0],
        updated_datetime=times[-1],
    )
    for text, time in zip(seed.messages, times, strict=True):
        state.next_id += 1
        from_agent = text.startswith(">")
        state.messages[state.next_id] = Message(
            id=state.next_id,
            ticket_id=seed.id,
            channel=seed.channel,
            from_agent=from_agent,
            via="helpdesk" if from_agent else seed.channel,
            sender_name=agent.name if from_agent else customer.name,
            sender_email=agent.email if from_agent else customer.email,
            body_text=text.removeprefix("> "),
            body_html="",
            created_datetime=time,
        )


def _make_time(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="microseconds")
