-- Ends a session. A replaced id stays known as such, or a request that is still on its way with it
-- would look like a new visitor and overwrite the cookie of the session that goes on.
--
-- KEYS[1]  the record
-- returns  {"ok" or "gone", now in ms, 1 if there was a session}

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if redis.call('HEXISTS', KEYS[1], 'm') == 1 then return {'gone', now, 0} end
return {'ok', now, redis.call('UNLINK', KEYS[1])}
