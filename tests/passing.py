"""The event loop of tests: that of both processes, in which a test can let time pass."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple
from weakref import WeakKeyDictionary

import uvloop

Ts = TypeVarTuple("Ts")


class PassingLoop(uvloop.Loop):
    """Keeps what is to be called later, and when, so that it can be called at once."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_s = 0.0
        self._calls: WeakKeyDictionary[asyncio.TimerHandle, tuple[float, Callable[[], object]]] = WeakKeyDictionary()

    def time(self) -> float:
        return super().time() + self._passed_s

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = super().call_later(delay, callback, *args, context=context)
        self._calls[handle] = self.time() + delay, lambda: self.call_soon(callback, *args, context=context)
        return handle

    def let_pass(self, seconds: float) -> None:
        self._passed_s += seconds
        for handle, (due_s, call) in [*self._calls.items()]:
            is_pending = not handle.cancelled() and handle.when() > super().time()
            if is_pending and due_s <= self.time():
                handle.cancel()
                call()


def let_loop_pass(seconds: float) -> None:
    """Whoever waits for less than that has waited. A short time-out would say the same of what was not sent yet."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PassingLoop)
    loop.let_pass(seconds)
