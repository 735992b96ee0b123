-- Slots of requests at once, of one rule and one identity. Times are whole microseconds.
--
-- KEYS[1]   sorted set: slot -> the time at which its lease is over
-- ARGV      "take", "renew" or "give up"; the slot; how many there are; microseconds of a lease; the time, where it is not that of Redis
--
-- Returns how many are left, or -1 where none was free; of a renewal and a slot given up the same number, which may be below 0.

local KEY, WHAT, SLOT = KEYS[1], ARGV[1], ARGV[2]
local LIMIT, LEASE = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- What another program wrote there is dropped.
if redis.call('TYPE', KEY).ok ~= 'zset' then redis.call('DEL', KEY) end
redis.call('ZREMRANGEBYSCORE', KEY, '-inf', string.format('%.0f', now))
-- A lease that ends later than one that begins now is of a clock that was set back since.
redis.call('ZREMRANGEBYSCORE', KEY, string.format('(%.0f', now + LEASE), '+inf')

if WHAT == 'give up' then
  redis.call('ZREM', KEY, SLOT)
  return LIMIT - redis.call('ZCARD', KEY)
end
if WHAT == 'take' and redis.call('ZCARD', KEY) >= LIMIT then return -1 end
redis.call('ZADD', KEY, string.format('%.0f', now + LEASE), SLOT)
redis.call('PEXPIRE', KEY, string.format('%.0f', math.ceil(LEASE / 1000) + 100))
return LIMIT - redis.call('ZCARD', KEY)
