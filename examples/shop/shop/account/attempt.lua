-- Adds to a count of attempts to log in, and returns how many seconds to wait for the next one.
-- KEYS[1]: the count. ARGV: what to add (1, or -1 to take one back), the most there may be, and for
-- how many seconds attempts are counted, from the first one on.
-- Run twice for one call, it counts one attempt too many or too few.
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[3]) * 1000
  redis.call('PEXPIRE', KEYS[1], left)
end
if count <= tonumber(ARGV[2]) then
  return 0
end
return math.max(1, math.ceil(left / 1000))
