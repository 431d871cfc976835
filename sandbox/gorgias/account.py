"""One Gorgias account: its users and all its data."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from sandbox.faults import Faults
from sandbox.gorgias.calls import CallLog
from sandbox.gorgias.customer import Customer
from sandbox.gorgias.faults import Fault
from sandbox.gorgias.foreign import ODD, ForeignRecords
from sandbox.gorgias.integration import HeldResponse, Integration, Widget
from sandbox.gorgias.rate import API_KEY_LIMIT, OAUTH2_LIMIT, LeakyBucket
from sandbox.gorgias.switches import Switches
from sandbox.gorgias.ticket import Agent, Message, Ticket
from sandbox.gorgias.updates import Updates


class EmailIntegration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mailbox of the account. `type`: "email", or the name of a mail service."""

    id: int
    name: str
    address: str
    type: str = "email"


class AccountProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The fixed part of an account. The credentials are made up and only work in the stand-in."""

    name: str
    title: str
    project: str
    time_zone: str
    locale: str
    api_user: str
    api_key: str
    oauth_token: str
    agents: tuple[Agent, ...]
    mailboxes: tuple[EmailIntegration, ...] = ()


class AccountState(msgspec.Struct, kw_only=True):
    """The part of an account that a restart keeps."""

    next_id: int
    tickets: dict[int, Ticket]
    customers: dict[int, Customer]
    merged: dict[int, int] = {}
    """The ids of customers that were merged into another one, and its id."""
    messages: dict[int, Message]
    integrations: dict[int, Integration] = {}
    widgets: dict[int, Widget] = {}
    held: list[HeldResponse] = []
    switches: Switches = Switches()
    foreign: ForeignRecords = ForeignRecords()


class Account:
    """`clock` returns UNIX time in seconds; `mark_changed` is called after each change of the state."""

    def __init__(
        self,
        profile: AccountProfile,
        state: AccountState,
        clock: Callable[[], float],
        mark_changed: Callable[[], None],
    ) -> None:
        self.profile = profile
        self.state = state
        self.clock = clock
        self.updates = Updates()
        self.calls = CallLog()
        self.faults = Faults[Fault]()
        self.buckets = {limit: LeakyBucket(limit, clock) for limit in (API_KEY_LIMIT, OAUTH2_LIMIT)}
        self._mark_changed = mark_changed

    def list_foreign(self) -> ForeignRecords:
        """The records of other programs: those that were put there, and odd ones if these are switched on."""
        put, odd = self.state.foreign, ODD if self.state.switches.odd_records else ForeignRecords()
        return ForeignRecords(integrations=put.integrations + odd.integrations, widgets=put.widgets + odd.widgets)

    def make_id(self) -> int:
        self.state.next_id += 1
        return self.state.next_id

    def get_time(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="microseconds")

    def save(self, topic: str, **details: Any) -> None:  # noqa: ANN401 - plain JSON values
        """Tell the state file and every open page of a change under `topic`."""
        self._mark_changed()
        self.updates.publish({"topic": topic, **details})

    def find_agent(self, email: str | None) -> Agent | None:
        return next((agent for agent in self.profile.agents if agent.email == email), None)

    def get_held(self, integration_id: int, customer_id: int) -> HeldResponse | None:
        held = self.state.held
        return next((h for h in held if (h.integration_id, h.customer_id) == (integration_id, customer_id)), None)

    def hold(self, response: HeldResponse) -> None:
        """Keep `response`, unless a later call for the same integration and customer was answered already."""
        previous = self.get_held(response.integration_id, response.customer_id)
        if previous and previous.call_id > response.call_id:
            return
        self.state.held = [h for h in self.state.held if h is not previous] + [response]
        self.save("sidebar", customer_id=response.customer_id)

    def drop_held(self, integration_id: int) -> None:
        self.state.held = [h for h in self.state.held if h.integration_id != integration_id]
