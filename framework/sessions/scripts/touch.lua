-- Moves the idle deadline of a session that is still there.
--
-- KEYS[1]  the record
-- returns  {"ok" or "gone", now in ms}

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local header, retired = unpack(redis.call('HMGET', KEYS[1], 'h', 'm'))
if not header or retired then return {'gone', now} end

local version, deadline, idle = string.match(header, '^(%d+) %S+ %d+ (%d+) (%d+)')
if version ~= '1' then return {'unreadable', now} end

local expires = math.min(now + tonumber(idle), tonumber(deadline))
-- In this order also in a full server: it refuses HSET as the first write, but not as the second.
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires))
redis.call('HSET', KEYS[1], 't', string.format('%.0f', now))
return {'ok', now}
