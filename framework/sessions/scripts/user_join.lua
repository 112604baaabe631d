-- Lists a session under its user, before the session names the user.
--
-- KEYS[1]  the user's sessions: names of records by absolute deadline (ms)
-- KEYS[2]  when the user was last logged out everywhere (µs)
-- ARGV     name of the record, absolute timeout (ms), most sessions,
--          margin for the clocks of other servers (ms)
-- returns  {now (µs), the user's last logout everywhere (µs) or "0",
--           the records to end because there are too many}

local member, absolute = ARGV[1], tonumber(ARGV[2])
local most, margin = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local microseconds = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local now = math.floor(microseconds / 1000)

local function integer(number) return string.format('%.0f', number) end

local longest = redis.call('PTTL', KEYS[1])
redis.call('ZADD', KEYS[1], integer(now + absolute), member)
redis.call('PEXPIRE', KEYS[1], integer(math.max(longest, absolute + margin)))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', integer(now - margin))

local surplus = redis.call('ZCARD', KEYS[1]) - most
local ended = {}
if surplus > 0 then
  -- Those that would end next, but never the one that begins.
  for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, surplus)) do
    if name ~= member and #ended < surplus then ended[#ended + 1] = name end
  end
end
return {integer(microseconds), redis.call('GET', KEYS[2]) or '0', ended}
