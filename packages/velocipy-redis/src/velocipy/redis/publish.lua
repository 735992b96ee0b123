-- Publishes a message to a channel, and keeps it in a stream where there is one: in one step, so that both have the same order.
--
-- KEYS[1]   the channel, KEYS[2] the stream, if messages are kept; both have one hash tag
-- ARGV      the message's kind, "t" text or "b" bytes; the message; how many the stream keeps; milliseconds that it outlives its last
--
-- What is published is kind, id (empty where it is not kept), a line feed and the message. Returns how many connections heard it.

local KIND, MESSAGE = ARGV[1], ARGV[2]
local id = ''
if KEYS[2] then
  local found = redis.call('TYPE', KEYS[2]).ok
  -- What another program wrote there is dropped.
  if found ~= 'stream' and found ~= 'none' then redis.call('DEL', KEYS[2]) end
  id = redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[3], '*', KIND, MESSAGE)
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
local published = KIND .. id .. '\n' .. MESSAGE
local heard = redis.pcall('SPUBLISH', KEYS[1], published)
-- Redis before 7 has no sharded channels, and not every user may use them: then listeners subscribe to plain ones.
if type(heard) == 'table' then return redis.call('PUBLISH', KEYS[1], published) end
return heard
