-- The last messages of a stream, the newest first. A key that holds something else holds none.
--
-- KEYS[1]   the stream
-- ARGV      where they begin, as XREVRANGE takes it ("-", or "(" and an id); how many at most
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return {} end
return redis.call('XREVRANGE', KEYS[1], '+', ARGV[1], 'COUNT', ARGV[2])
