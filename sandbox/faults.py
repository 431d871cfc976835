"""Switches for misbehaviour: each fault strikes one operation or all, until cleared or for the next few calls."""

import uuid
from typing import Any, Generic, Protocol, TypeVar

import msgspec

EVERY = "*"
LATENCY = "latency"


class AnyFault(Protocol):
    """What the faults of both stand-ins have. `operation` may be EVERY; `times`: for how many calls, None: all."""

    @property
    def kind(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def times(self) -> int | None: ...


FaultT = TypeVar("FaultT", bound=AnyFault)


class Switch(msgspec.Struct, Generic[FaultT], kw_only=True):
    """A fault that was set. `remaining`: calls that it still strikes, None: all. `on` ends what it holds."""

    fault: FaultT
    id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)
    remaining: int | None = None
    on: bool = True

    def render(self) -> dict[str, Any]:
        """For the page. `remaining`: null for all calls."""
        fields: dict[str, Any] = msgspec.to_builtins(self.fault)
        return fields | {"id": self.id, "remaining": self.remaining}


class Faults(Generic[FaultT]):
    """The switches that are set. The newest that fits a call strikes; latency comes on top of any other."""

    def __init__(self) -> None:
        self._switches: list[Switch[FaultT]] = []

    def set(self, fault: FaultT) -> Switch[FaultT]:
        """Switch a fault on, in place of an earlier one of the same kind and operation."""
        for switch in list(self._switches):
            if (switch.fault.kind, switch.fault.operation) == (fault.kind, fault.operation):
                self._drop(switch)
        switch = Switch(fault=fault, remaining=fault.times)
        self._switches.append(switch)
        return switch

    def list(self) -> "list[Switch[FaultT]]":
        return list(self._switches)

    def clear(self, switch_id: str | None = None) -> bool:
        """Switch one fault off, or all; held requests go on. False: no switch has this id."""
        chosen = [switch for switch in self._switches if switch_id in (None, switch.id)]
        for switch in chosen:
            self._drop(switch)
        return bool(chosen) or switch_id is None

    def take(self, operation: str) -> tuple[Switch[FaultT] | None, Switch[FaultT] | None]:
        """The latency and the other fault that strike this call; each use counts."""
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
