/** The script that stores which clients are connected to which hub, and reports who came online and went offline. */
import type { Script } from './script.ts'

/** Milliseconds after which the data are deleted if no hub follows its clients. */
const FORGET_MS = 86_400_000

/** The maximum number of clients that are away. The longest away are offline sooner. */
const MAX_AWAY = 100_000

/** Clients per call: those that changed, and those that a call finds offline. */
export const CLIENTS_PER_CALL = 128

/**
 * On the hash `…:presence`. name of this hub, id of the server, previous name of the hub if it stores its clients
 * anew, 1 for the last of them, `join`, `stay` or `leave`, how many replies it has received, grace in ms, ms after
 * which a hub that was not seen has died, clients… → id of the data, 1 if the hub is a member (2 while nobody goes
 * offline), 1 to call again at once, time of Redis in ms, reports…
 *
 * A client starts with `+` if it is connected to this hub, and with `-` if it is not. It starts with `=` or `_`
 * instead if the hub knows that it has been reported online: if Redis has lost that, it is not reported again. A
 * report starts with `+` if the client came online, and with `-` if it went offline. Reports are stored until the
 * next call shows that the hub has received them.
 */
export const FOLLOW_CLIENTS: Script = {
  name: 'follow clients',
  text: `
local call, sub, data = redis.call, string.sub, KEYS[1]
local name, server, previous, isLast = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local mode, received, grace, deadAfter = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local hubs, away, reports = data .. ':hubs', data .. ':away', data .. ':reports:'
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wallTime = now
local found = call('HMGET', data, 'id', 'offset', 'last', 'quietUntil', 'server')
local id, offset, last, quietUntil = found[1], tonumber(found[2]), tonumber(found[3]), tonumber(found[4])
local seen = call('ZSCORE', hubs, name)
if mode ~= 'join' and (not seen or seen == '-inf') then return { id or '', 0, 0, 0 } end
if not id then id, offset, last, quietUntil = name, 0, now, 0 end

-- The clock stands still while no hub reaches Redis, and when the time of Redis jumps: nobody has left or died
-- meanwhile.
local wasAway = math.abs(now - offset - last) > deadAfter / 3
if wasAway then offset = now - last end
now = now - offset
-- All hubs have time to return before anybody goes offline, also where the latest data or all are lost.
if wasAway or (found[5] or server) ~= server or not found[1] and previous ~= '' then
  quietUntil = now + deadAfter * 2 / 3
end
call('HSET', data, 'id', id, 'offset', offset, 'last', now, 'quietUntil', quietUntil, 'server', server)
call('ZADD', hubs, now, name)
if previous ~= '' then call('ZADD', hubs, 'XX', isLast and now - deadAfter or now, previous) end
local own, counts = data .. ':clients:' .. name, data .. ':counts'
if call('LINDEX', reports .. name, 0) ~= received then call('DEL', reports .. name) end

local changes = {}
local function report(sign, client) changes[#changes + 1] = sign .. client end

-- Changes how many hubs each client is connected to; returns those for which that was or is now none.
local function count(clients, by)
  local set, removed, none = {}, {}, {}
  local before = clients[1] and call('HMGET', counts, unpack(clients)) or {}
  for i, client in ipairs(clients) do
    local after = (tonumber(before[i]) or 0) + by
    if after <= 0 then
      removed[#removed + 1] = client
    else
      set[#set + 1] = client
      set[#set + 1] = after
    end
    if after <= 0 or not before[i] then none[#none + 1] = client end
  end
  if set[1] then call('HSET', counts, unpack(set)) end
  if removed[1] then call('HDEL', counts, unpack(removed)) end
  return none
end

local function leave(clients)
  local scores = {}
  for _, client in ipairs(clients) do
    scores[#scores + 1] = now + grace
    scores[#scores + 1] = client
  end
  if scores[1] then call('ZADD', away, unpack(scores)) end
end

local changed, came, left, known = {}, {}, {}, {}
for i = 9, #ARGV do changed[i - 8] = sub(ARGV[i], 2) end
local wasHere = changed[1] and call('SMISMEMBER', own, unpack(changed)) or {}
for i, client in ipairs(changed) do
  local sign = sub(ARGV[i + 8], 1, 1)
  known[client] = sign == '=' or sign == '_'
  if sign == '+' or sign == '=' then
    if wasHere[i] == 0 then came[#came + 1] = client end
  elseif wasHere[i] == 1 then
    left[#left + 1] = client
  elseif known[client] and call('HEXISTS', counts, client) == 0 then
    leave({ client })
  end
end
if came[1] then
  call('SADD', own, unpack(came))
  local first = count(came, 1)
  local dueAt = first[1] and call('ZMSCORE', away, unpack(first)) or {}
  for i, client in ipairs(first) do
    if not dueAt[i] and not known[client] then report('+', client) end
  end
  if first[1] then call('ZREM', away, unpack(first)) end
end
if left[1] then
  call('SREM', own, unpack(left))
  leave(count(left, -1))
end

local again = 0
local dead = call('ZRANGEBYSCORE', hubs, '-inf', now - deadAfter, 'LIMIT', 0, 1)[1]
if dead and now >= quietUntil then
  again = 1
  -- It is no member any more: if it returns, it stores all of its clients anew, under another name.
  call('ZADD', hubs, '-inf', dead)
  -- Its last reports may not have arrived: whom they were about is reported as it is now.
  for _, text in ipairs(call('LRANGE', reports .. dead, 1, -1)) do
    local client = sub(text, 2)
    local isOnline = call('HEXISTS', counts, client) == 1 or call('ZSCORE', away, client)
    report(isOnline and '+' or '-', client)
  end
  call('DEL', reports .. dead)
  local lost = call('SPOP', data .. ':clients:' .. dead, ${CLIENTS_PER_CALL})
  leave(count(lost, -1))
  if not lost[${CLIENTS_PER_CALL}] then call('ZREM', hubs, dead) end
end

local due = {}
if mode == 'leave' and call('ZCARD', hubs) == 1 then
  due = call('ZRANGE', away, 0, ${CLIENTS_PER_CALL - 1})
elseif now >= quietUntil then
  due = call('ZRANGEBYSCORE', away, '-inf', now, 'LIMIT', 0, ${CLIENTS_PER_CALL})
end
local surplus = math.min(call('ZCARD', away) - ${MAX_AWAY}, ${CLIENTS_PER_CALL})
if surplus > #due then due = call('ZRANGE', away, 0, surplus - 1) end
for _, client in ipairs(due) do report('-', client) end
if due[1] then call('ZREM', away, unpack(due)) end
if due[${CLIENTS_PER_CALL}] then again = 1 end

if changes[1] then
  if call('EXISTS', reports .. name) == 0 then call('RPUSH', reports .. name, received) end
  for i = 1, #changes, 1000 do
    call('RPUSH', reports .. name, unpack(changes, i, math.min(i + 999, #changes)))
  end
end
local unconfirmed = call('LRANGE', reports .. name, 1, -1)
if mode == 'leave' then
  if unconfirmed[1] then
    again = 1
  elseif call('EXISTS', own) == 0 then
    call('ZREM', hubs, name)
  else
    call('ZADD', hubs, now - deadAfter, name)
  end
end
for _, key in ipairs({ data, hubs, counts, away, own, reports .. name }) do call('PEXPIRE', key, ${FORGET_MS}) end
local reply = { id, now < quietUntil and 2 or 1, again, wallTime }
for i, text in ipairs(unconfirmed) do reply[i + 4] = text end
return reply
`,
}

/**
 * On the hash `…:presence`. ms after which a hub that was not seen has died → how many hubs are alive that follow
 * their clients, and to how many clients any of them is connected.
 */
export const COUNT_CLIENTS: Script = {
  name: 'count clients',
  text: `
local time = redis.call('TIME')
local offset = redis.call('HGET', KEYS[1], 'offset') or 0
local now = time[1] * 1000 + math.floor(time[2] / 1000) - offset
return {
  redis.call('ZCOUNT', KEYS[1] .. ':hubs', '(' .. now - tonumber(ARGV[1]), '+inf'),
  redis.call('HLEN', KEYS[1] .. ':counts'),
}
`,
}
