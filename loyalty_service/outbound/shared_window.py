"""The sliding windows of all processes together, in the store that they share."""

import asyncio
from contextlib import suppress

from loyalty_service.outbound.sliding_window import Grant, Refusal
from loyalty_service.valkey import Valkey, ValkeyDownError

# KEYS, for each token: its permits, ordered by the time at which they become free, and `until` and `probe` after a 429.
# Times are milliseconds of the store's clock. Each script frees memory first, so that it also runs on a full store.
_BEGIN = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local taken, closed = KEYS[1], KEYS[2]
redis.call('ZREMRANGEBYSCORE', taken, '-inf', now)
"""
# ARGV: limit, timeout, how long permits stay taken after it, and the ids of those to take.
# No request lasts longer than 60 s: a permit that would stay taken for longer was taken before the store's clock was
# set back. Returns {1, is_probe}, or {0, is_closed, milliseconds until a permit can be free; 0: at any moment}.
_TAKE = """
local limit, timeout, busy, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), #ARGV - 3
local closing = redis.call('HMGET', closed, 'until', 'probe')
local left, probe_left = (closing[1] or 0) - now, (closing[2] or 0) - now
if left > 0 then return {0, 1, left} end
if probe_left > 0 then return {0, 1, 0} end
redis.call('ZREMRANGEBYSCORE', taken, '(' .. now + 60000 + busy, '+inf')
local over = redis.call('ZCARD', taken) + count - limit
if over > 0 then
  local place = over - redis.call('ZCOUNT', taken, '(' .. now + busy, '+inf') - 1
  if place < 0 then return {0, 0, 0} end
  local found = redis.call('ZRANGE', taken, place, place, 'WITHSCORES')
  return {0, 0, found[2] and found[2] - now or busy}
end
for place = 4, #ARGV do redis.call('ZADD', taken, now + timeout + busy, ARGV[place]) end
if timeout + busy > redis.call('PTTL', taken) then redis.call('PEXPIRE', taken, timeout + busy) end
if closing[1] then redis.call('HSET', closed, 'probe', now + timeout) end
return {1, closing[1] and 1 or 0}
"""
# ARGV: how long the permits stay taken, for how long the token closes (0: it opens, -1: neither), and their ids.
_END = """
local busy, close = tonumber(ARGV[1]), tonumber(ARGV[2])
for place = 3, #ARGV do
  redis.call('ZREM', taken, ARGV[place])
  if busy > 0 then redis.call('ZADD', taken, now + busy, ARGV[place]) end
end
if busy > redis.call('PTTL', taken) then redis.call('PEXPIRE', taken, busy) end
if close >= 0 then redis.call('DEL', closed) end
if close > 0 then
  redis.call('HSET', closed, 'until', now + close)
  redis.call('PEXPIRE', closed, 10 * close)
end
"""


class SharedWindow:
    """As SlidingWindow, for all tokens. If a call does not reach the store, a permit stays taken for longer."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._take = valkey.client.register_script(_BEGIN + _TAKE)
        self._end = valkey.client.register_script(_BEGIN + _END)
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait until the store has all that was sent in the background."""
        await asyncio.gather(*self._tasks)

    async def take(self, key: str, ids: list[str], *, limit: int, timeout_s: float, busy_s: float) -> Grant | Refusal:
        """Raises ValkeyDownError."""
        keys = _name_keys(key)
        lines: list[str | int] = [limit, _to_ms(timeout_s), _to_ms(busy_s), *ids]
        try:
            is_granted, flag, *rest = await self._valkey.run(lambda _: self._take(keys, lines))
        except asyncio.CancelledError:
            self.end(key, ids)
            raise
        if is_granted:
            return Grant(is_probe=bool(flag))
        return Refusal(earliest_s=rest[0] / 1000, is_closed=bool(flag))

    def end(self, key: str, ids: list[str], *, busy_s: float = 0, closed_s: float | None = None) -> None:
        """As SlidingWindow.end, in the background."""
        keys = _name_keys(key)
        lines: list[str | int] = [_to_ms(busy_s), -1 if closed_s is None else _to_ms(closed_s), *ids]

        async def tell() -> None:
            with suppress(ValkeyDownError):
                await self._valkey.run(lambda _: self._end(keys, lines))

        task = asyncio.create_task(tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _name_keys(key: str) -> list[str]:
    return [f"loyalty:rate:{key}:taken", f"loyalty:rate:{key}:closed"]


def _to_ms(seconds: float) -> int:
    return round(seconds * 1000)
