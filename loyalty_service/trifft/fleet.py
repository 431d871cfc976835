"""The slots of all processes together, in the store that they share.

The count is one; who goes first is approximate. Each process lines up its own by urgency and asks for the first of
them, and the slots that are kept for the more urgent (`get_limit`) do the rest: while more are busy than batch reads
may use, no process gets one for a batch read, and so on. Of the same urgency, who happens to ask first is served first.

Lost is the store for a process from a call that fails or takes longer than TIMEOUT_S until it answers again. It is
looked for every PULSE_S by every process. What a process has sent is known to it: when the store is back, or has lost
its memory, each brings that along, and sends nothing for QUIET_S, by when all have. A process that has just begun knows
nothing: it waits until what was sent before the store's memory began is over (see Rack).
"""

import asyncio
import math
import uuid
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

import msgspec
import structlog
from redis.asyncio import Redis

from loyalty_service.domain.ports import Clock
from loyalty_service.trifft.scripts import BRING, CLOSE, END, GREET, TAKE
from loyalty_service.trifft.slots import Busy
from loyalty_service.valkey import TIMEOUT_S, VALKEY_ERRORS

PULSE_S = 0.5
QUIET_S = 1.5
# Of how long a process that has lost the store sends nothing at all, once its period is over: see Rack.
LONGEST_READ_S = 4.0
# Lost for less than this, nobody can have sent anything without it.
BLINK_S = LONGEST_READ_S - QUIET_S
_PREFIX = "trifft:budget:"
_EPOCH = _PREFIX + "epoch"
_PROCESSES = _PREFIX + "processes"
# For how long a process that has gone counts among those that are there.
_SEEN_S = 10.0

_log = structlog.get_logger(__name__)


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """The slots are taken. `is_probe`: for a token that was closed, to find out whether it still is."""

    is_probe: bool


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a process knows of one token: ids, each with the seconds that it stays busy yet."""

    key: str
    out: list[tuple[str, float]]
    ends: list[tuple[str, float]]
    closed_s: float


class Fleet:
    """Entering it looks for the store once. `list_known` tells what this process has taken and sent.

    `lost_since_s`: None while the store is there; `was_found`: it has been there since this process began.
    `process_count`: how many used the store when this process last did. `memory_start_s`: on its clock, when the memory
    began that the store had when this process first found it.
    """

    def __init__(
        self,
        valkey: Redis,
        clock: Clock,
        list_known: Callable[[], Iterable[Known]],
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.timeout_s = timeout_s
        self._valkey = valkey
        self._clock = clock
        self._list_known = list_known
        self._greet_script = valkey.register_script(GREET)
        self._take_script = valkey.register_script(TAKE)
        self._end_script = valkey.register_script(END)
        self._close_script = valkey.register_script(CLOSE)
        self._bring_script = valkey.register_script(BRING)
        self._name = uuid.uuid4().hex
        self._epoch = b""
        self._is_start = True
        self._is_bringing = False
        self._quiet_until_s = -math.inf
        self._doubtful: list[tuple[str, list[str]]] = []  # taken or not: the store did not say
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost_since_s: float | None = clock.monotonic()
        self.was_found = False
        self.memory_start_s = -math.inf
        self.process_count = 1

    async def __aenter__(self) -> Self:
        await self.look()
        self._pulse_task = asyncio.create_task(self._pulse())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse_task.cancel()
        await asyncio.gather(self._pulse_task, *self._tasks, return_exceptions=True)

    async def take(self, key: str, ids: list[str], *, limit: int, lease_s: float) -> Granted | Busy | None:
        """None: the store is lost."""
        if self.lost_since_s is not None or self._find_pause():
            return self._find_pause()
        keys = [_EPOCH, *_name_keys(key)]
        try:
            async with asyncio.timeout(self.timeout_s):
                answer = await self._take_script(keys, [self._epoch, limit, _to_ms(lease_s), *ids])
        except VALKEY_ERRORS as error:  # TimeoutError is an OSError
            self._lose(type(error).__name__)
            self._doubtful.append((key, ids))
            return self._find_pause()
        return self._read(*answer)

    async def settle(self) -> None:
        """Until the store knows of all that was ended and given back."""
        await asyncio.gather(*self._tasks)

    def end(self, key: str, slot_id: str, busy_s: float) -> None:
        """A request is over, its slot is busy for `busy_s` yet."""
        out, ends, _ = _name_keys(key)
        self._do(lambda: self._end_script([out, ends], [_to_ms(busy_s), slot_id]))

    def give_back(self, key: str, ids: list[str]) -> None:
        """Nothing was sent in these."""
        out, _, _ = _name_keys(key)
        self._do(lambda: self._valkey.zrem(out, *ids))

    def close(self, key: str, closed_s: float) -> None:
        _, _, gate = _name_keys(key)
        self._do(lambda: self._close_script([gate], [_to_ms(closed_s)]))

    def open(self, key: str) -> None:
        _, _, gate = _name_keys(key)
        self._do(lambda: self._valkey.delete(gate))

    def end_probe(self, key: str) -> None:
        """It has found out nothing."""
        _, _, gate = _name_keys(key)
        self._do(lambda: self._valkey.hdel(gate, "probe"))

    def _read(self, word: bytes, first: int, second: int) -> Granted | Busy | None:
        match word:
            case b"taken":
                return Granted(is_probe=bool(first))
            case b"shut":
                return Busy(earliest_s=first / 1000, expected_s=first / 1000 or 1.0, is_refused=True)
            case b"busy":
                earliest_s = max(0, first) / 1000
                return Busy(earliest_s=earliest_s, expected_s=second / 1000 if second >= 0 else max(1.0, earliest_s))
            case _:
                self._lose("memory lost")
                return self._find_pause()

    def _do(self, work: Callable[[], Awaitable[object]]) -> None:
        """In the background: what does not come about leaves a slot busy for too long, never too short."""
        if self.lost_since_s is not None:
            return

        async def try_it() -> None:
            try:
                async with asyncio.timeout(self.timeout_s):
                    await work()
            except VALKEY_ERRORS as error:
                self._lose(type(error).__name__)

        task = asyncio.create_task(try_it())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lose(self, why: str) -> None:
        if self.lost_since_s is None:
            self.lost_since_s = self._clock.monotonic()
            _log.warning("budget_store_lost", error=why)

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(PULSE_S)
            await self.look()

    async def look(self) -> None:
        """See whether the store is there and remembers; where it was lost, bring it what this process knows."""
        is_start, self._is_start = self._is_start, False
        try:
            async with asyncio.timeout(self.timeout_s):
                epoch, age_ms, self.process_count = await self._greet_script(
                    [_EPOCH, _PROCESSES], [uuid.uuid4().hex, self._name, _to_ms(_SEEN_S)]
                )
            if self.lost_since_s is None and epoch == self._epoch:
                return
            if not self._epoch:
                self.memory_start_s = self._clock.monotonic() - age_ms / 1000
            if not is_start:
                self._lose("memory lost")
                await self._bring(is_new=epoch != self._epoch)
            elif age_ms > 0:  # it has begun before this process, and others may be bringing what they know
                self._be_quiet(QUIET_S - age_ms / 1000)
        except VALKEY_ERRORS as error:
            if is_start:  # it counts as lost from the beginning, and nobody has been told
                _log.warning("budget_store_lost", error=type(error).__name__)
            self._lose(type(error).__name__)
            return
        self._epoch, self.lost_since_s, self.was_found = epoch, None, True
        while self._doubtful:
            self.give_back(*self._doubtful.pop())
        if not is_start:
            _log.info("budget_store_found")

    async def _bring(self, *, is_new: bool) -> None:
        """What is taken meanwhile would not be in it: nothing is. Each call has the client's own time-out."""
        now_s = self._clock.monotonic()
        if is_new or self.lost_since_s is None or now_s - self.lost_since_s >= BLINK_S:
            self._be_quiet(QUIET_S)
        self._is_bringing = True
        try:
            await self._bring_all()
        finally:
            self._is_bringing = False

    async def _bring_all(self) -> None:
        for known in self._list_known():
            out, ends, gate = _name_keys(known.key)
            pairs = [text for slot_id, left_s in (*known.out, *known.ends) for text in (_to_ms(left_s), slot_id)]
            if pairs:
                await self._bring_script([out, ends], [len(known.out), *pairs])
            if known.closed_s > 0:
                await self._close_script([gate], [_to_ms(known.closed_s)])

    def _find_pause(self) -> Busy | None:
        """While the store is told, and until all others have told it, nothing is taken."""
        quiet_s = max(0.0, self._quiet_until_s - self._clock.monotonic())
        if not (quiet_s or self._is_bringing):
            return None
        return Busy(earliest_s=quiet_s, expected_s=quiet_s or PULSE_S, is_cautious=True)

    def _be_quiet(self, seconds: float) -> None:
        self._quiet_until_s = self._clock.monotonic() + seconds


def _name_keys(key: str) -> tuple[str, str, str]:
    return f"{_PREFIX}{key}:out", f"{_PREFIX}{key}:ends", f"{_PREFIX}{key}:gate"


def _to_ms(seconds: float) -> int:
    """Rounded up: busy for too long is no harm."""
    return max(0, int(seconds * 1000) + 1)
