-- Gives a session back that a request had to itself and did not write to.
--
-- KEYS[1]  the record
-- ARGV     token of the request
-- returns  {"ok", now in ms}

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local holder = string.match(redis.call('HGET', KEYS[1], 'l') or '', '^%S+')
if holder == ARGV[1] then redis.call('HDEL', KEYS[1], 'l') end
return {'ok', now}
