"""Atomic steps on the server: Lua for Valkey or Redis. ValkeyStore describes keys and values."""

# Microseconds since 1970, which Lua's numbers hold exactly. A test may put another clock in its place.
SERVER_CLOCK = """
local function get_now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
"""

_COMMON = """
local function write(number) return string.format('%.0f', number) end
"""

# KEYS: the merchant's. Returns now.
_BEGIN = """
local now = get_now()
redis.call('HSETNX', KEYS[1], 'floor', write(now))
redis.call('HSETNX', KEYS[1], 'nobody', write(now))
return now
"""

# KEYS: the entry's, the merchant's. ARGV: the beginning of each entry's key. Returns now, the merchant's floor and
# nobody, the value, and the member's value if the value is an alias.
_GET = """
local value = redis.call('GET', KEYS[1])
local member_key = value and string.match(value, '^alias:%d+:%d+:(%w+):')
local member = member_key and redis.call('GET', ARGV[1] .. member_key) or false
local shop = redis.call('HMGET', KEYS[2], 'floor', 'nobody')
return {get_now(), shop[1], shop[2], value, member}
"""

# KEYS: the entry's, the merchant's. ARGV: the kind, began_us, the rest of the value, its time to live in ms. Returns 0
# if it is outdated.
_PUT = """
local began = tonumber(ARGV[2])
local shop = redis.call('HMGET', KEYS[2], 'floor', 'nobody')
if not shop[1] or began < tonumber(shop[1]) then return 0 end
if ARGV[1] == 'nobody' and began < tonumber(shop[2]) then return 0 end
local valid_from = ARGV[2]
local held_began, held_from = string.match(redis.call('GET', KEYS[1]) or '', '^%a+:(%d+):(%d+):')
if held_began then
  if began < tonumber(held_from) then return 0 end
  if began < tonumber(held_began) then return 1 end
  valid_from = held_from
end
local value = ARGV[1] .. ':' .. ARGV[2] .. ':' .. valid_from .. ':' .. ARGV[3]
redis.call('SET', KEYS[1], value, 'PX', ARGV[4])
return 1
"""

# KEYS: the entry's, the merchant's. ARGV: the time to live of the invalidation in ms. Returns 1 if something was held.
# The first write frees memory: a full server refuses a script whose first write needs memory, but not later writes.
_INVALIDATE = """
local kind = string.match(redis.call('GET', KEYS[1]) or '', '^%a+')
redis.call('UNLINK', KEYS[1])
local valid_from = write(get_now() + 1)  -- what began at this very time is outdated, too
redis.call('SET', KEYS[1], 'none:0:' .. valid_from .. '::', 'PX', ARGV[1])
if kind ~= 'member' then redis.call('HSET', KEYS[2], 'nobody', valid_from) end
return kind and kind ~= 'none' and 1 or 0
"""


class Scripts:
    def __init__(self, server_clock: str) -> None:
        def make(text: str) -> bytes:
            return (server_clock + _COMMON + text).encode()

        self.begin = make(_BEGIN)
        self.get = make(_GET)
        self.put = make(_PUT)
        self.invalidate = make(_INVALIDATE)
