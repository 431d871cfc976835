"""What the store that the fleet shares does in one step each, on its own clock.

Of each token three keys: `out`, the slots that were taken and are not over, by the time at which they are over at the
latest; `ends`, those that are over, by the time until which they are busy; `gate`, there while a 429 holds. Times are
milliseconds of the store's clock. `epoch` names this store's memory: it is another one after a restart that lost it.
No key expires, so that a store under `volatile-lru` evicts none: of a token that nobody uses any more at most its last
requests stay. The first write of each frees memory: a server that is full refuses a first one that takes some, and then
none.
"""

_NOW = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""

# KEYS: epoch, processes (by when each last greeted). ARGV: a name for the epoch if it is to begin now, the process, for
# how long a process counts. Answers: the epoch's name, its age, how many processes there are.
GREET = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])
redis.call('ZADD', KEYS[2], now, ARGV[2])
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = now .. '-' .. ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
return {epoch, now - tonumber(string.match(epoch, '^%d+')), redis.call('ZCARD', KEYS[2])}
"""
)

# KEYS: epoch, out, ends, gate. ARGV: epoch, limit, lease, then the ids of the slots to take.
# Answers: a word, and then
#   taken  1 where it is the probe
#   busy   earliest, expected (-1: nobody knows)
#   shut   how long yet (0: a probe is on its way)
#   strange: the store has lost its memory since the process last greeted it
TAKE = (
    _NOW
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'strange', 0, 0} end
local limit, lease, count = tonumber(ARGV[2]), tonumber(ARGV[3]), #ARGV - 3
local gate = redis.call('HMGET', KEYS[4], 'until', 'probe')
if gate[1] and now < tonumber(gate[1]) then return {'shut', gate[1] - now, 0} end
if gate[2] and now < tonumber(gate[2]) then return {'shut', 0, 0} end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local out, ends = redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3])
local over = out + ends + count - limit
if over > 0 then
  local function find(place)
    if place <= 0 then return 0 end
    local found = redis.call('ZRANGE', KEYS[3], place - 1, place - 1, 'WITHSCORES')
    return found[2] and found[2] - now or -1
  end
  return {'busy', find(over - out), find(over)}
end
for place = 4, #ARGV do redis.call('ZADD', KEYS[2], now + lease, ARGV[place]) end
if gate[1] then
  redis.call('HSET', KEYS[4], 'probe', now + lease)
  return {'taken', 1, 0}
end
return {'taken', 0, 0}
"""
)

# KEYS: out, ends. ARGV: how long they are busy yet, then ids.
END = (
    _NOW
    + """
for place = 2, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[place])
  redis.call('ZADD', KEYS[2], 'GT', now + ARGV[1], ARGV[place])
end
"""
)

# KEYS: gate. ARGV: for how long.
CLOSE = (
    _NOW
    + """
local closed = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
redis.call('HDEL', KEYS[1], 'probe')
redis.call('HSET', KEYS[1], 'until', math.max(closed, now + ARGV[1]))
"""
)

# KEYS: out, ends. ARGV: how many are out, then pairs: how long yet, id.
BRING = (
    _NOW
    + """
for place = 2, #ARGV, 2 do
  local is_out = (place - 2) / 2 < tonumber(ARGV[1])
  redis.call('ZREM', is_out and KEYS[2] or KEYS[1], ARGV[place + 1])
  redis.call('ZADD', is_out and KEYS[1] or KEYS[2], 'GT', now + ARGV[place], ARGV[place + 1])
end
"""
)
