/**
 * Retained events: the hash `retained` has the frame of each, by address and name (see the lists of keys); the sorted set `retained:by-sequence`
 * their order; and `retained:by-address` is one without scores, in which those of an address are neighbours, in order. The
 * head has the format `WITH_RETAINED` while there are any: versions that would not read them refuse the journal.
 */
import { WITH_BUCKETS, WITH_PATTERNS, WITH_RETAINED } from '../epoch.ts'
import { METADATA_TTL_MS } from '../evict.ts'

/** The size of a retained event in Redis beyond its frame: copies of its address and name, with a line break in between. */
export const RETAINED_IN_REDIS = { nameCopies: 3, overheadBytes: 253 } as const

/** The maximum number of retained events that a call evicts, and how many of them in one step. */
const MAX_EVICTED = 10_000
const STEP = 100

/**
 * Lua: the names of the keys; `placeOf(address, sequence)`, where members of `retained:by-address` start; and `sizeOf(member, length)`,
 * the bytes that a retained event takes.
 */
const NAMES = `
local kept = base .. 'retained'
local bySequence, byAddress = kept .. ':by-sequence', kept .. ':by-address'
local function placeOf(address, sequence)
  return address .. '\\n' .. string.format('%016d', sequence)
end
local function sizeOf(member, length)
  return length + ${RETAINED_IN_REDIS.nameCopies} * (#member - 1) + ${RETAINED_IN_REDIS.overheadBytes}
end
`

/** Lua after that: `evictRetained(size)` evicts the oldest while their size exceeds the bound, and returns and stores what it is then. */
const EVICT_RETAINED = `
local function evictRetained(size)
  local count = 0
  local recordEvicted
  while size > maxRetainedBytes and count < ${MAX_EVICTED} do
    local oldest, members, places, removed = redis.call('ZRANGE', bySequence, 0, ${STEP - 1}, 'WITHSCORES'), {}, {}, {}
    for i = 1, #oldest, 2 do
      if size <= maxRetainedBytes then break end
      local member, sequence = oldest[i], oldest[i + 1]
      local address, name = string.match(member, '^([^\\n]*)\\n(.*)$')
      size = size - sizeOf(member, redis.call('HSTRLEN', kept, member))
      members[#members + 1] = member
      places[#places + 1] = placeOf(address, tonumber(sequence)) .. '\\n' .. name
      removed[i], removed[i + 1] = sequence, address
    end
    if not members[1] then break end
    redis.call('HDEL', kept, unpack(members))
    redis.call('ZREM', bySequence, unpack(members))
    redis.call('ZREM', byAddress, unpack(places))
    if not recordEvicted then
      local _, _, _, _, record = evictions()
      recordEvicted = record
    end
    recordEvicted(removed)
    count = count + #members
  end
  if count > 0 then redis.call('HINCRBY', KEYS[1], 'retainedEvicted', count) end
  redis.call('HSET', KEYS[1], 'retainedBytes', size)
  return size
end
`

/**
 * Lua: `dropRetained(address, name)` removes an event if it is retained; `putRetained(address, name, frame)` stores the newest
 * one; `saveRetained()` evicts the oldest beyond the bound, as far as one call may, and stores the size.
 */
export const RETAIN: string = `
${NAMES}
${EVICT_RETAINED}
local keptBytes, retainedChanged = retainedBytes or 0, false

local function dropRetained(address, name)
  local member = address .. '\\n' .. name
  local sequence = redis.call('ZSCORE', bySequence, member)
  if not sequence then return end
  keptBytes, retainedChanged = keptBytes - sizeOf(member, redis.call('HSTRLEN', kept, member)), true
  redis.call('HDEL', kept, member)
  redis.call('ZREM', bySequence, member)
  redis.call('ZREM', byAddress, placeOf(address, tonumber(sequence)) .. '\\n' .. name)
end

local function putRetained(address, name, frame)
  local member = address .. '\\n' .. name
  redis.call('HSET', kept, member, frame)
  redis.call('ZADD', bySequence, seq, member)
  redis.call('ZADD', byAddress, 0, placeOf(address, seq) .. '\\n' .. name)
  keptBytes, retainedChanged = keptBytes + sizeOf(member, #frame), true
end

local function saveRetained()
  if not retainedChanged then return end
  evictRetained(keptBytes)
  if (tonumber(format) or 1) < ${WITH_RETAINED} then
    redis.call('HSET', KEYS[1], 'format', ${WITH_RETAINED})
  end
  for _, name in ipairs({ KEYS[1], kept, bySequence, byAddress }) do
    redis.call('PEXPIRE', name, ttl + ${METADATA_TTL_MS})
  end
end
`

/** Lua: `retainedAfter(address, sequence)` returns a function that loads frames: from which one on, and how many. */
export const READ_RETAINED: string = `
${NAMES}
local function retainedAfter(address, sequence)
  local first, last = '[' .. placeOf(address, sequence + 1), '(' .. address .. '\\n:'
  return function(from, count)
    local places = redis.call('ZRANGEBYLEX', byAddress, first, last, 'LIMIT', from, count)
    if not places[1] then return places end
    local names = {}
    for i, place in ipairs(places) do
      names[i] = address .. '\\n' .. string.sub(place, #placeOf(address, 0) + 2)
    end
    return redis.call('HMGET', kept, unpack(names))
  end
end
`

/** Lua: `changedRetained(start, add)` calls \`add\` with each address at which an event was retained after the start; false if they are too many. */
export const CHANGED_RETAINED: string = `
${NAMES}
local function changedRetained(start, add)
  if not retainedBytes then return true end
  local names = redis.call('ZRANGEBYSCORE', bySequence, '(' .. start, '+inf', 'LIMIT', 0, 5000)
  for _, name in ipairs(names) do add(string.match(name, '^[^\\n]*')) end
  return not names[5000]
end
`

/** Lua: evicts what is left to evict, keeps the retained events from expiring, and lets versions in again that would not read them once there are none. */
export const KEEP_RETAINED: string = `
${NAMES}
${EVICT_RETAINED}
local retainedCount = 0
if retainedBytes then
  -- A Redis without free memory refuses to write.
  if retainedBytes > maxRetainedBytes then pcall(function()
    retainedBytes = evictRetained(retainedBytes)
    save()
  end) end
  retainedCount = redis.call('ZCARD', bySequence)
  for _, name in ipairs({ kept, bySequence, byAddress }) do
    redis.pcall('PEXPIRE', name, ttl + ${METADATA_TTL_MS})
  end
  if retainedCount == 0 and format == '${WITH_RETAINED}' then
    format = storedPatternsAfter and '${WITH_PATTERNS}' or '${WITH_BUCKETS}'
    redis.pcall('HSET', KEYS[1], 'format', format)
    redis.pcall('HDEL', KEYS[1], 'retainedBytes')
  end
end
`
