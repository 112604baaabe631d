-- Notes that a user is logged out everywhere, and returns what has to be ended.
--
-- KEYS[1]  the user's sessions
-- KEYS[2]  when the user was last logged out everywhere (µs)
-- ARGV     how long to remember it (ms)
-- returns  {when (µs), when the last time or "0", the names of the records}

local clock = redis.call('TIME')
local now = string.format('%.0f', tonumber(clock[1]) * 1000000 + tonumber(clock[2]))
local before = redis.call('GET', KEYS[2]) or '0'
redis.call('SET', KEYS[2], now, 'PX', ARGV[1])
return {now, before, redis.call('ZRANGE', KEYS[1], 0, -1)}
