-- Publishes a message to a channel, and keeps it in a stream where there is one: in one step, so that both have the same order.
--
-- KEYS[1]   the stream if messages are kept, else the channel; both have one hash tag. Not both: a channel is no key that is there,
--           and a cluster takes no command of whose keys some are there and others not while their slot moves
-- ARGV      the message's kind, "t" text or "b" bytes; the message; how many the stream keeps, 0 for none; milliseconds that it
--           outlives its last; the channel
--
-- What is published is kind, id (empty where it is not kept), a line feed and the message. Returns how many connections heard it.

local KIND, MESSAGE, CHANNEL = ARGV[1], ARGV[2], ARGV[5]
local id = ''
if tonumber(ARGV[3]) > 0 then
  local found = redis.call('TYPE', KEYS[1]).ok
  -- What another program wrote there is dropped.
  if found ~= 'stream' and found ~= 'none' then redis.call('DEL', KEYS[1]) end
  id = redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], '*', KIND, MESSAGE)
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
local published = KIND .. id .. '\n' .. MESSAGE
local heard = redis.pcall('SPUBLISH', CHANNEL, published)
-- Redis before 7 has no sharded channels, and not every user may use them: then listeners subscribe to plain ones.
if type(heard) == 'table' then return redis.call('PUBLISH', CHANNEL, published) end
return heard
