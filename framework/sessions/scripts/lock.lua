-- Loads a session for one request alone, unless another one has it.
--
-- KEYS[1]  the record
-- ARGV     when the caller gives up (ms), token of the request, check of the id, lease in ms
-- returns  {"ok", now in ms, the record as HGETALL gives it}, {"busy", now} or {"late", now}

local latest, token, check, lease = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if now > latest then return {'late', now} end

local flat = redis.call('HGETALL', KEYS[1])
local record = {}
for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end

-- What cannot be written is not locked; the caller will see what it is.
local version, owner = string.match(record.h or '', '^(%d+) (%S+)')
if version ~= '1' or owner ~= check or record.m then return {'ok', now, flat} end

local holder, expires = string.match(record.l or '', '^(%S+) (%d+)')
if holder and holder ~= token and tonumber(expires) > now then return {'busy', now} end

redis.call('HSET', KEYS[1], 'l', token .. ' ' .. string.format('%.0f', now + lease))
return {'ok', now, flat}
