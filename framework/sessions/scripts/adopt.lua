-- Makes a session of data from elsewhere, unless it is there already.
--
-- KEYS[1]  the record
-- ARGV     when the caller gives up (ms), check, idle ms, absolute ms,
--          ms until the data would have ended or "", then the fields
-- returns  {"ok", now in ms, 1 if it was not there} or {"late", now}

local latest, check = tonumber(ARGV[1]), ARGV[2]
local idle, absolute, remaining = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if redis.call('EXISTS', KEYS[1]) == 1 then return {'ok', now, 0} end
if now > latest then return {'late', now} end

local function integer(number) return string.format('%.0f', number) end

-- As though it had last been used when that would have given it the time it has left.
local expires = now + math.min(remaining or idle, idle, absolute)
local header = table.concat({'1', check, integer(now), integer(now + absolute), integer(idle)}, ' ')
redis.call('HSET', KEYS[1], 'h', header, 't', integer(expires - idle), unpack(ARGV, 6))
redis.call('PEXPIREAT', KEYS[1], integer(expires))
return {'ok', now, 1}
