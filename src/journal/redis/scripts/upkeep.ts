/** Upkeep inside Redis that could block it for seconds: each sweep does a part of it. */

/** The maximum number of events that one sweep evicts. */
const MAX_SWEPT = 1_000

/** Addresses whose logs one sweep extends or records as evicted; up to 1,023 more, or 8,000 of events for several. */
const MAX_VISITED = 500

/** Lua within `evictions`: `expireAll`. */
export const EXPIRE_ALL: string = `
-- Drops all events, whether or not their logs have expired, in one step of constant cost: new
-- logs get new names, and the old ones expire. Until recordExpired has finished, every older cursor
-- leads to a gap.
local function expireAll()
  local base = prefix .. ':' .. root .. ':' .. fresh .. ':'
  redis.call('HSET', KEYS[1], 'logs', base, 'expiredUpTo', seq)
  logs, expiredUpTo, events, bytes, oldest, logsExpired = base .. 'log:', seq, 0, 0, now, false
end
`

/** Lua within `evictions`: `sweepOnce`. */
export const UPKEEP: string = `
-- Calls \`visit\` with each key in the records after a sequence up to another one, and with the last
-- sequence that it can have. Stops after many; returns where, or nil at the end.
local function visitKeys(from, upTo, visit)
  local count = 0
  while true do
    local found = redis.call('ZRANGEBYSCORE', records, '(' .. from, upTo, 'LIMIT', 0, 8)
    for _, record in ipairs(found) do
      from = string.match(record, '^%d+')
      for key in string.gmatch(record, '\\n([^\\n]+)') do
        visit(key, from)
        count = count + 1
      end
    end
    if not found[8] then return nil end
    if count >= ${MAX_VISITED} then return from end
  end
end

-- Records a part of what expireAll dropped as evicted, address by address.
local function recordExpired()
  local removed = {}
  local upTo = visitKeys(0, expiredUpTo, function(key, sequence)
    removed[#removed + 1] = sequence removed[#removed + 1] = key
  end)
  redis.call('ZREMRANGEBYSCORE', records, '-inf', upTo or expiredUpTo)
  for i = 1, #removed, 1000 do
    recordEvicted({ unpack(removed, i, math.min(i + 999, #removed)) })
  end
  if upTo then return end
  expiredUpTo = 0
  redis.call('HDEL', KEYS[1], 'expiredUpTo')
end

-- Extends the time to live of a part of the logs: a hub has a larger maxAge than every hub before it.
local function extendLogs()
  if maxAge > nextAge then
    nextAge = maxAge
    redis.call('HSET', KEYS[1], 'nextAge', maxAge, 'extended', expiredUpTo)
  end
  local from = redis.call('HGET', KEYS[1], 'extended')
  local upTo = visitKeys(from, '+inf', function(key) redis.call('PEXPIRE', logs .. key, ttl) end)
  if upTo then redis.call('HSET', KEYS[1], 'extended', upTo) else redis.call('HSET', KEYS[1], 'age', nextAge) end
end

local function sweepOnce()
  enforceBounds(${MAX_SWEPT}, 0)
  if expiredUpTo > 0 then recordExpired() end
  if math.max(maxAge, nextAge) > age then extendLogs() end
  save()
end
`
