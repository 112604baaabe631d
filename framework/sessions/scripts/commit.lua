-- Applies one request's changes to a session, or refuses them whole.
--
-- KEYS[1]  the record
-- KEYS[2]  the record's new name, when the id is regenerated (same hash tag)
-- ARGV     when the caller gives up (ms),
--          nonce, check, new check, "create" or "", idle ms, absolute ms, retired ms,
--          maximum of keys, of bytes, of a counter, token of the lock or "",
--          then four lists, each with its length in front:
--          guards (field, bytes or ""), sets (field, bytes), deletes (field), increments (field, by)
-- returns  {status, now in ms, detail…}; "late" if the caller has given up

local latest = tonumber(ARGV[1])
local nonce, check, new_check, create = ARGV[2], ARGV[3], ARGV[4], ARGV[5] == 'create'
local idle, absolute, retired = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local max_keys, max_bytes = tonumber(ARGV[9]), tonumber(ARGV[10])
local max_counter, lock = tonumber(ARGV[11]), ARGV[12]
local position = 13

local function read_list(width)
  local list = {}
  local last = position + tonumber(ARGV[position]) * width
  for i = position + 1, last do list[#list + 1] = ARGV[i] end
  position = last + 1
  return list
end

local function integer(number) return string.format('%.0f', number) end

local function other_form(field)
  local first = string.sub(field, 1, 1)
  if first == '=' then return '+' .. string.sub(field, 2) end
  if first == '+' then return '=' .. string.sub(field, 2) end
end

local guards, sets, deletes, increments = read_list(2), read_list(2), read_list(1), read_list(2)

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local record = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end

-- The mark of a replaced id knows the commits before it too: what is sent again was applied.
if record.n and string.find(record.n, nonce, 1, true) then return {'ok', now} end
if now > latest then return {'late', now} end
if record.m then return {'gone', now} end

local created, deadline = now, now + absolute
if #flat == 0 then
  if not create then return {'gone', now} end
else
  if create then return {'gone', now} end
  local version, owner, c, d, i = string.match(record.h or '', '^(%d+) (%S+) (%d+) (%d+) (%d+)')
  if version ~= '1' then return {'unreadable', now} end
  if owner ~= check then return {'foreign', now} end
  created, deadline, idle = tonumber(c), tonumber(d), tonumber(i)
end

-- Whoever outlived the lease must not write between the requests that came after.
if lock ~= '' and string.match(record.l or '', '^%S+') ~= lock then return {'conflict', now} end

for i = 1, #guards, 2 do
  if (record[guards[i]] or '') ~= guards[i + 1] then return {'conflict', now, guards[i]} end
end

-- The changes are made in the table first, for nothing may be written before all is checked.
local removed, written = {}, {}
local function remove(field)
  if field and record[field] then
    record[field] = nil
    removed[#removed + 1] = field
  end
end
local function write(field, data)
  record[field] = data
  written[#written + 1] = field
  written[#written + 1] = data
end

if lock ~= '' or KEYS[2] then remove('l') end
for _, field in ipairs(deletes) do remove(field) end
for i = 1, #sets, 2 do
  remove(other_form(sets[i]))
  write(sets[i], sets[i + 1])
end
for i = 1, #increments, 2 do
  local field = increments[i]
  local number = tonumber(record[field] or '0') + tonumber(increments[i + 1])
  if record[other_form(field)] or math.abs(number) > max_counter then
    return {'conflict', now, field}
  end
  write(field, integer(number))
end

if #written > 0 then
  local keys, bytes = 0, 0
  for field, data in pairs(record) do
    if not string.find('htnluo', field, 1, true) then
      keys, bytes = keys + 1, bytes + #field + #data
    end
  end
  if keys > max_keys or bytes > max_bytes then return {'large', now, keys, bytes} end
end

local old_header = record.h
if create or KEYS[2] then
  local owner = check
  if KEYS[2] then
    owner, created, deadline, idle = new_check, now, now + absolute, tonumber(ARGV[6])
  end
  write('h', table.concat({'1', owner, integer(created), integer(deadline), integer(idle)}, ' '))
end
write('t', integer(now))
write('n', string.sub(nonce .. (record.n or ''), 1, 64))

-- First the command that a full or read-only server refuses; after it none can fail.
redis.call('HSET', KEYS[1], unpack(written))
for _, field in ipairs(removed) do
  if not record[field] then redis.call('HDEL', KEYS[1], field) end
end
local key = KEYS[1]
if KEYS[2] then
  key = KEYS[2]
  redis.call('RENAME', KEYS[1], key)
  redis.call('HSET', KEYS[1], 'h', old_header, 'm', '1', 'n', record.n)
  redis.call('PEXPIRE', KEYS[1], retired)
end
redis.call('PEXPIREAT', key, integer(math.min(now + idle, deadline)))
return {'ok', now}
