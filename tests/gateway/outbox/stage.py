"""The loyalty service for the rooms of all tests, made once."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

from gateway.loyalty_client import LoyaltyClient
from tests.gateway.outbox.room import Room, TicketLoyalty

Enter: TypeAlias = Callable[[], AbstractAsyncContextManager[Room]]


@dataclass
class Stage:
    """`loyalty`: the answers of the service at `target` in the present test."""

    loyalty: TicketLoyalty
    target: str
    client: LoyaltyClient
