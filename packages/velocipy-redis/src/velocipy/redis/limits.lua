-- Decides about all rules of a request at once, or gives back what a decision took. Times are whole microseconds, all numbers below 2^53.
--
-- KEYS[n]   the state of rule n, of one identity, so that all of them are in one slot
-- ARGV[1]   words, for one argument is read faster than many: "take" or "back", milliseconds that a key outlives its meaning, then 6 a
--           rule: algorithm, units, capacity, window, interval (window / limit), depth (capacity * interval)
-- ARGV[2]   the time, where it is not that of Redis (tests set it)
--
-- Returns words as well: admitted (1 or 0), the time, how many keys held something else than a state and were made anew, then 4 a rule:
--   bucket   the time at which it is full, or -1
--   fixed    end of the window, count; or -1
--   counter  start of the window, count, count before; or -1
--   log      count, the time of the unit that must go for one more than what remains, the same for the units asked for, of the last
--
-- Each algorithm is a table of functions: read(r) finds out what the stored state means now, admits(r), take(r), back(r), view(r).

local word = string.gmatch(ARGV[1], '%S+')
local TAKE, SPARE = word() == 'take', tonumber(word())
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local healed = 0

-- What a command finds under a key of ours; a value of another type is dropped.
local function found(command, key, ...)
  local value = redis.pcall(command, key, ...)
  if type(value) == 'table' and value.err then
    if not string.find(value.err, 'WRONGTYPE', 1, true) then error(value) end
    redis.call('DEL', key)
    healed = healed + 1
    return redis.call(command, key, ...)
  end
  return value
end

-- The numbers of a stored state, or none.
local function numbers(key, pattern)
  local text = found('GET', key)
  if not text then return nil end
  local a, b, c = string.match(text, pattern)
  if not a then
    redis.call('DEL', key)
    healed = healed + 1
    return nil
  end
  return tonumber(a), tonumber(b), tonumber(c)
end

local function lives(us)
  return string.format('%.0f', math.ceil(us / 1000) + 1 + SPARE)
end

local function store(key, us, format, ...)
  redis.call('SET', key, string.format(format, ...), 'PX', lives(us))
end

-- A key that lost its time to live gets one; where something is taken it gets one anyway.
local function heal(r, us)
  if redis.call('PTTL', r.key) == -1 then redis.call('PEXPIRE', r.key, lives(us)) end
end

local bucket = {}

function bucket.read(r)
  local full = numbers(r.key, '^(%d+)$')
  if not full or full <= now then return end
  r.full = math.min(full, now + r.depth)
  -- After a clock that went back, or a rule that shrank: kept even by a refusal, or each one would begin the wait anew.
  if r.full < full then store(r.key, r.depth, '%.0f', r.full) end
end

function bucket.admits(r)
  return (r.full or now) + r.units * r.interval - r.depth <= now
end

function bucket.take(r)
  r.full = (r.full or now) + r.units * r.interval
  store(r.key, r.full - now, '%.0f', r.full)
end

function bucket.back(r)
  if not r.full then return end
  local full = r.full - r.units * r.interval
  if full <= now then redis.call('DEL', r.key) else store(r.key, full - now, '%.0f', full) end
end

function bucket.view(r)
  return r.full or -1, 0, 0, 0
end

local fixed = {}

function fixed.read(r)
  local ends, count = numbers(r.key, '^(%d+) (%d+)$')
  if ends and ends > now and ends - now <= r.window then r.ends, r.count = ends, count end
end

function fixed.admits(r)
  return (r.count or 0) + r.units <= r.capacity
end

function fixed.take(r)
  r.ends, r.count = r.ends or now + r.window, (r.count or 0) + r.units
  store(r.key, r.ends - now, '%.0f %.0f', r.ends, r.count)
end

function fixed.back(r)
  if not r.ends then return end
  if r.count <= r.units then
    redis.call('DEL', r.key)
  else
    store(r.key, r.ends - now, '%.0f %.0f', r.ends, r.count - r.units)
  end
end

function fixed.view(r)
  return r.ends or -1, r.count or 0, 0, 0
end

local counter = {}

-- a * b / c for b <= c, rounded up. Where a * b is not exact in a double, bit by bit as on paper.
local function share(a, b, c)
  if a * b < 9007199254740992 then
    local over = math.fmod(a * b, c)
    return (a * b - over) / c + (over > 0 and 1 or 0)
  end
  local quotient, rest, bit = 0, 0, 1
  while bit * 2 <= a do bit = bit * 2 end
  while bit >= 1 do
    quotient, rest = quotient * 2, rest * 2
    if a >= bit then
      a = a - bit
      rest = rest + b
    end
    while rest >= c do
      quotient, rest = quotient + 1, rest - c
    end
    bit = bit / 2
  end
  if rest > 0 then quotient = quotient + 1 end
  return quotient
end

function counter.read(r)
  local start = now - math.fmod(now, r.window)
  local began, count, before = numbers(r.key, '^(%d+) (%d+) (%d+)$')
  if began == start then
    r.start, r.count, r.before = start, count, before
  elseif began == start - r.window and count > 0 then
    r.start, r.count, r.before = start, 0, count
  end
end

function counter.admits(r)
  if not r.start then return r.units <= r.capacity end
  return share(r.before, r.start + r.window - now, r.window) + r.count + r.units <= r.capacity
end

local function store_counter(r)
  store(r.key, r.start + 2 * r.window - now, '%.0f %.0f %.0f', r.start, r.count, r.before)
end

function counter.take(r)
  r.start = r.start or now - math.fmod(now, r.window)
  r.count, r.before = (r.count or 0) + r.units, r.before or 0
  store_counter(r)
end

function counter.back(r)
  if not r.start then return end
  local here = math.min(r.units, r.count)
  r.count, r.before = r.count - here, math.max(r.before - (r.units - here), 0)
  if r.count + r.before == 0 then redis.call('DEL', r.key) else store_counter(r) end
end

function counter.view(r)
  return r.start or -1, r.count or 0, r.before or 0, 0
end

local log = {}

local function at(r, index)
  return tonumber(redis.call('LINDEX', r.key, index))
end

-- How many units are no longer in the window, with the first of all known to be one.
local function stale(r)
  local count = 1
  while true do
    local times = redis.call('LRANGE', r.key, count, count + 99)
    for _, time in ipairs(times) do
      if tonumber(time) > now - r.window then return count end
      count = count + 1
    end
    if #times == 0 then return count end
  end
end

local function push(r, count)
  local text = string.format('%.0f', now)
  while count > 0 do
    local some = {}
    for index = 1, math.min(count, 1000) do some[index] = text end
    redis.call('RPUSH', r.key, unpack(some))
    count = count - #some
  end
end

function log.read(r)
  r.count = found('LLEN', r.key)
  if r.count == 0 then return end
  local first = at(r, 0)
  if not first then
    redis.call('DEL', r.key)
    healed, r.count = healed + 1, 0
    return
  end
  if first <= now - r.window then
    redis.call('LTRIM', r.key, stale(r), -1)
    r.count = redis.call('LLEN', r.key)
  end
  local future = 0 -- units of a clock that was set back since
  while future < r.count and (at(r, -1) or 0) > now do
    redis.call('RPOP', r.key)
    future = future + 1
  end
  push(r, future)
end

function log.admits(r)
  return r.count + r.units <= r.capacity
end

function log.take(r)
  push(r, r.units)
  r.count = r.count + r.units
  redis.call('PEXPIRE', r.key, lives(r.window))
end

function log.back(r)
  redis.call('LTRIM', r.key, 0, -r.units - 1)
end

function log.view(r)
  if r.count == 0 then return 0, 0, 0, 0 end
  local remaining = math.max(r.capacity - r.count, 0)
  local more, asked = r.count + remaining - r.capacity, r.count + r.units - r.capacity - 1
  return r.count, at(r, more) or 0, asked >= 0 and at(r, asked) or 0, at(r, -1) or 0
end

local KINDS = {bucket = bucket, fixed = fixed, counter = counter, log = log}

local rules, admitted = {}, true
for index, key in ipairs(KEYS) do
  local r = {key = key, kind = KINDS[word()]}
  r.units, r.capacity, r.window = tonumber(word()), tonumber(word()), tonumber(word())
  r.interval, r.depth = tonumber(word()), tonumber(word())
  r.kind.read(r)
  if r.units > 0 and (r.units > r.capacity or not r.kind.admits(r)) then admitted = false end
  rules[index] = r
end

local reply = {string.format('%d %.0f %d', (admitted or not TAKE) and 1 or 0, now, healed)}
for index, r in ipairs(rules) do
  if r.units > 0 and not TAKE then
    r.kind.back(r)
  elseif r.units > 0 and admitted then
    r.kind.take(r)
  else
    heal(r, math.max(2 * r.window, r.depth))
  end
  reply[index + 1] = string.format('%.0f %.0f %.0f %.0f', r.kind.view(r))
end
return table.concat(reply, ' ')
