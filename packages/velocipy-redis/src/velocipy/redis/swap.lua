-- Puts a value under a key if what is there is still what was read. KEYS[1] the key.
-- ARGV: "1" and the value that was read, or "0" and ""; "1" and the new value, or "0" and "" to delete; milliseconds to live, or "".
-- Returns 1 if it did, 0 if somebody else was there in between.
local found = redis.call('GET', KEYS[1])
if ARGV[1] == '1' then
  if found ~= ARGV[2] then return 0 end
elseif found then
  return 0
end
if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
elseif ARGV[5] == '' then
  redis.call('SET', KEYS[1], ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
return 1
