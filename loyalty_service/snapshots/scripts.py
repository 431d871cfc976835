"""What the server does in one step each: Lua, run by Valkey or Redis.

Times are microseconds since 2026 on the server's clock, so that Lua's numbers hold them exactly. A value is a head in
clear, which the scripts read, and a sealed rest, which they do not. The head: a kind (m, a or n: a member, an alias,
nobody), 16 digits of when its read began; of a member 16 digits of `since_s`, of an alias the 32 of the member's key.

A merchant's fence is one sorted set: when each member was last invalidated, beside four times of its own. `last`: the
last event. `nobody`: when the answers that nobody is there were dropped. `since`: marks up to then are trimmed, and
what began up to then is not put any more. `made`: when the set was made; what began up to then counts as not held,
whatever it is. So a server that was emptied, or that evicted the set, has only forgotten: it never shows what is old.
Each read and each put touches the set, so that it is never the least recently used.
"""

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

# A test may put another in its place.
SERVER_CLOCK = """
local function clock()
  local time = redis.call('TIME')
  return (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
end
"""

_COMMON = """
local function write(number) return string.format('%.0f', number) end
local function get_kind(value) return string.sub(value, 1, 1) end
local function get_begin(value) return tonumber(string.sub(value, 2, 17)) or 0 end
local function get_since(value) return tonumber(string.sub(value, 18, 33)) or 0 end

local function get_times(fence)  -- now, made, nobody, since; only now where there is no fence
  local times, now = redis.call('ZMSCORE', fence, 'last', 'made', 'nobody', 'since'), clock()
  if not times[1] then return now end
  if now <= tonumber(times[1]) then now = tonumber(times[1]) + 1 end  -- the server's clock was set back
  return now, tonumber(times[2]), tonumber(times[3]), tonumber(times[4])
end

local function stamp(fence)
  local now, made = get_times(fence)
  if not made then
    redis.call('ZADD', fence, write(now), 'made', write(now), 'nobody', write(now), 'since')
    now = now + 1
  end
  redis.call('ZADD', fence, write(now), 'last')
  return now
end

local function is_held(value, made, nobody)
  if not value or not made or get_begin(value) <= made then return false end
  return get_kind(value) ~= 'n' or get_begin(value) > nobody
end

local function read(key, fence, prefix)  -- now, the value, and the member's where it is an alias
  local now, made, nobody = get_times(fence)
  local value = redis.call('GET', key)
  if not is_held(value, made, nobody) then return now, false, false end
  if get_kind(value) ~= 'a' then return now, value, false end
  local member = redis.call('GET', prefix .. string.sub(value, 18, 49))
  return now, value, is_held(member, made, nobody) and get_kind(member) == 'm' and member
end
"""

# KEYS: an entry's and a fence's in turn. ARGV: the prefix of entries. Returns now, value, member's value for each.
_READ = """
local answers = {}
for place = 1, #KEYS, 2 do
  local now, value, member = read(KEYS[place], KEYS[place + 1], ARGV[1])
  answers[#answers + 1], answers[#answers + 2], answers[#answers + 3] = now, value, member
end
return answers
"""

# KEYS: a lease's, an entry's, a fence's. ARGV: the prefixes of entries and leases, a token, ms. Takes the lease, and of
# an alias also its member's, where they are free. Returns whose it was, what _READ returns, and 1 with the member's.
_BOARD = """
local function take(lease)  -- whose it is, if it is another's
  local holder = redis.call('GET', lease)
  if holder and holder ~= ARGV[3] then return holder end
  redis.call('SET', lease, ARGV[3], 'PX', ARGV[4])
  return false
end
local now, value, member = read(KEYS[2], KEYS[3], ARGV[1])
local holder = take(KEYS[1])
if holder then return {holder, now, value, member, 0} end
local both = value and get_kind(value) == 'a' and not take(ARGV[2] .. string.sub(value, 18, 49))
return {false, now, value, member, both and 1 or 0}
"""

# KEYS: leases. ARGV: the token, ms. Returns how many are still its own.
_RENEW = """
local count = 0
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then count = count + redis.call('PEXPIRE', key, ARGV[2]) end
end
return count
"""

# KEYS: leases and, in turn, where to tell of a failure. ARGV: the token, the failure or nothing, ms that it is told.
_RELEASE = """
for place = 1, #KEYS, 2 do
  if redis.call('GET', KEYS[place]) == ARGV[1] then
    redis.call('UNLINK', KEYS[place])
    if ARGV[2] ~= '' then redis.call('SET', KEYS[place + 1], ARGV[1] .. ARGV[2], 'PX', ARGV[3]) end
  end
end
return 1
"""

# KEYS: a fence. Returns the time of the beginning.
_BEGIN = "return stamp(KEYS[1])"

# KEYS: a fence, entries. ARGV: for each entry its mark's name, microseconds to keep it, its value. Returns 0 where one
# was dropped.
_PUT = """
local now, made, nobody, since = get_times(KEYS[1])
if not made then
  stamp(KEYS[1])
  return 0
end
local all = 1
for place = 2, #KEYS do
  local mark, keep, value = unpack(ARGV, 3 * place - 5, 3 * place - 3)
  local newest = math.max(since, tonumber(redis.call('ZSCORE', KEYS[1], mark) or 0))
  if get_kind(value) == 'n' then newest = math.max(newest, nobody) end
  if get_begin(value) <= newest then
    all = 0
  else
    local held = redis.call('GET', KEYS[place])
    if is_held(held, made, nobody) then
      local winner = get_begin(held) > get_begin(value) and held or value
      if get_kind(held) == 'm' and get_kind(value) == 'm' then
        local oldest = string.format('%016.0f', math.min(get_since(held), get_since(value)))
        winner = string.sub(winner, 1, 17) .. oldest .. string.sub(winner, 34)
      end
      value = winner
    end
    local left = tonumber(keep) - (now - get_begin(value))
    if left > 0 then redis.call('SET', KEYS[place], value, 'PX', write(math.ceil(left / 1000))) end
  end
end
return all
"""

# KEYS: a fence, the member's entry. ARGV: the mark's name, microseconds that marks are kept, how many of them.
# The first write frees memory: a server that is full refuses a first one that takes some, and then none.
_INVALIDATE = """
local _, made, nobody = get_times(KEYS[1])
local held = redis.call('GET', KEYS[2])
local was_held = is_held(held, made, nobody) and get_kind(held) == 'm'
redis.call('UNLINK', KEYS[2])
local now, since = stamp(KEYS[1]), 0
_, made, nobody, since = get_times(KEYS[1])
redis.call('ZADD', KEYS[1], write(now), ARGV[1])
if not was_held then nobody = now end
since = math.max(since, now - tonumber(ARGV[2]))
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
if over > 0 then
  local gone = redis.call('ZPOPMIN', KEYS[1], over)
  since = math.max(since, tonumber(gone[#gone]))
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', write(since))
redis.call('ZADD', KEYS[1], write(made), 'made', write(nobody), 'nobody', write(since), 'since', write(now), 'last')
return 1
"""


class Scripts:
    """Run by their digest; a server that does not know one is sent it."""

    def __init__(self, valkey: Redis, clock: str) -> None:
        def register(text: str) -> AsyncScript:
            return valkey.register_script(clock + _COMMON + text)

        self.read = register(_READ)
        self.board = register(_BOARD)
        self.renew = register(_RENEW)
        self.release = register(_RELEASE)
        self.begin = register(_BEGIN)
        self.put = register(_PUT)
        self.invalidate = register(_INVALIDATE)
