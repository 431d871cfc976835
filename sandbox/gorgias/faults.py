"""The faults of an account's REST API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import msgspec
from aiohttp import web

from sandbox import connection
from sandbox.faults import Faults, Switch
from sandbox.gorgias.errors import make_error
from sandbox.gorgias.rate import RETRY_AFTER_S

FaultTarget = Literal["get_ticket", "get_customer", "create_message", "list_messages", "*"]
FaultKind = Literal["latency", "status", "reset", "lost_answer", "hang"]

FAULT_STATUSES = (400, 401, 403, 404, 408, 409, 429, 500, 502, 503)
MAX_SECONDS = 120.0
TOO_MANY_REQUESTS = 429

Carry = Callable[[], Awaitable[web.StreamResponse]]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One misbehaviour.

    - latency: the call begins `seconds` later (default 1), even if the client has left
    - status: `status` with an error body; nothing was done
    - reset: the connection is reset; nothing was done
    - lost_answer: the call takes effect, then the connection is reset
    - hang: the request is held until the switch is cleared, then continues; ends if the client leaves

    With `after_commit`, status and hang act after the call took effect. `operation`: "*" means every call, including
    those of an installation. `times`: the number of calls; None: until cleared. Raises ValueError.
    """

    kind: FaultKind
    operation: FaultTarget = "*"
    status: int | None = None
    seconds: float = 1.0
    times: int | None = None
    after_commit: bool = False

    def __post_init__(self) -> None:
        if self.kind == "status" and self.status not in FAULT_STATUSES:
            raise ValueError(f"a status fault needs a status, one of {', '.join(map(str, FAULT_STATUSES))}")
        if not 0 < self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be above 0 and at most {MAX_SECONDS:g}")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be 1 or more, or left out")

    @property
    def acts_last(self) -> bool:
        """Whether it acts after the call took effect."""
        return self.kind == "lost_answer" or self.after_commit


class Exchanges:
    """The running calls. A call that arrived takes effect even if its client leaves."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[web.StreamResponse]] = set()

    async def run(self, request: web.Request, faults: Faults[Fault], carry: Carry) -> web.StreamResponse:
        """Run `carry` with its fault; return its answer or the fault's. Raises what `carry` raises."""
        await request.read()  # aiohttp keeps the body, so a call can read it after its client has left
        task = asyncio.create_task(_run(request, faults, carry))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def finish(self, _app: web.Application) -> AsyncIterator[None]:
        yield
        await asyncio.gather(*self._running, return_exceptions=True)


async def _run(request: web.Request, faults: Faults[Fault], carry: Carry) -> web.StreamResponse:
    latency, switch = faults.take(request.match_info.route.name or "")
    if latency:
        await connection.wait(lambda: not latency.on, latency.fault.seconds)
    if switch is None:
        return await carry()
    if not switch.fault.acts_last:
        return await _strike(request, switch) or await carry()
    response = await carry()
    return await _strike(request, switch) or response


async def _strike(request: web.Request, switch: Switch[Fault]) -> web.StreamResponse | None:
    """Return the fault's answer instead of the call's; None: the call was held and continues."""
    fault = switch.fault
    if fault.kind == "hang":
        await connection.wait(lambda: not switch.on or connection.has_left(request))
        return make_error(503, "Service unavailable.") if connection.has_left(request) else None
    if fault.kind != "status" or fault.status is None:
        return connection.break_off(request, reset=True)
    response = make_error(fault.status, "This was switched on in the sandbox.")
    if fault.status == TOO_MANY_REQUESTS:
        response.headers["Retry-after"] = str(RETRY_AFTER_S)
    return response
