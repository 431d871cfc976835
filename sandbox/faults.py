"""Switches for misbehaviour: each fault affects one operation or all, until cleared or for the next few calls."""

import uuid
from typing import Any, Generic, Protocol, TypeVar

import msgspec

EVERY = "*"
LATENCY = "latency"


class AnyFault(Protocol):
    """The fields that faults of both stand-ins share. `operation` may be EVERY; `times`: number of calls, None: all."""

    @property
    def kind(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def times(self) -> int | None: ...


FaultT = TypeVar("FaultT", bound=AnyFault)


class Switch(msgspec.Struct, Generic[FaultT], kw_only=True):
    """A fault that was set. `remaining`: calls that it will still affect, None: all.

    `on` releases the requests that it holds.
    """

    fault: FaultT
    id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)
    remaining: int | None = None
    on: bool = True

    def render(self) -> dict[str, Any]:
        """The switch as JSON for the page. `remaining`: null for all calls."""
        fields: dict[str, Any] = msgspec.to_builtins(self.fault)
        return fields | {"id": self.id, "remaining": self.remaining}


class Faults(Generic[FaultT]):
    """The switches that are set.

    The newest switch that matches a call affects it; latency is added to any other fault.
    """

    def __init__(self) -> None:
        self._switches: list[Switch[FaultT]] = []

    def set(self, fault: FaultT) -> Switch[FaultT]:
        """Switch a fault on. It replaces an earlier one of the same kind and operation."""
        for switch in list(self._switches):
            if (switch.fault.kind, switch.fault.operation) == (fault.kind, fault.operation):
                self._drop(switch)
        switch = Switch(fault=fault, remaining=fault.times)
        self._switches.append(switch)
        return switch

    def list(self) -> "list[Switch[FaultT]]":
        return list(self._switches)

    def clear(self, switch_id: str | None = None) -> bool:
        """Switch one fault off, or all; held requests continue. False: no switch has this id."""
        chosen = [switch for switch in self._switches if switch_id in (None, switch.id)]
        for switch in chosen:
            self._drop(switch)
        return bool(chosen) or switch_id is None

    def take(self, operation: str) -> tuple[Switch[FaultT] | None, Switch[FaultT] | None]:
        """Take the latency and the other fault that affect this call; each use counts."""
        return self._take(operation, latency=True), self._take(operation, latency=False)

    def _take(self, operation: str, *, latency: bool) -> Switch[FaultT] | None:
        for switch in reversed(self._switches):
            fits = switch.fault.operation in (EVERY, operation) and (switch.fault.kind == LATENCY) is latency
            if fits and switch.remaining != 0:
                if switch.remaining is not None:
                    switch.remaining -= 1
                return switch
        return None

    def _drop(self, switch: Switch[FaultT]) -> None:
        switch.on = False
        self._switches.remove(switch)
