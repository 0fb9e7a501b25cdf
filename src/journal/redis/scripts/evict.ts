/** Eviction inside Redis: the oldest events of an address, and the oldest of the journal. */
import { LAST_FLOOR, RAISE_FLOORS } from './floors.ts'
import { FORGET_KEYED } from './keyed/lists.ts'
import { EXPIRE_ALL, UPKEEP } from './upkeep.ts'

/** The maximum overhead of an event in Redis beyond its frame: that of the only event of its address. */
export const ENTRY_BYTES: number = 300

/** The overhead of a call's record in Redis beyond its text. */
export const RECORD_BYTES: number = 110

/** The fraction by which bounds may be exceeded, so that events are evicted in bulk. */
export const SLACK: number = 1 / 16

/** Milliseconds by which the head and the eviction records of an idle journal outlive its logs. */
export const METADATA_TTL_MS: number = 86_400_000

/** Records of calls, and their keys, that are evicted in one step: about a millisecond of work. */
const MAX_RECORDS = 32
const MAX_KEYS = 100

/** The maximum number of frames read from one log at a time. */
const MAX_FRAMES = 128

/** The maximum number of events that any call evicts if bounds are far exceeded: 0.2 s of work. */
const MAX_BACKLOG = 10_000

/** The maximum number of addresses whose last evicted sequence Redis stores. */
const MAX_EVICTED_ADDRESSES = 100_000

/**
 * Lua after the resolution of the epoch: `save`, `isOverdue` and `evictions`. The functions inside
 * `evictions` are created only if something has to be evicted: creating them takes as long as two
 * commands.
 */
export const EVICTION: string = `
-- The time to live of a log, set when its first event is stored and after each eviction. It is
-- longer than enforceBounds ever leaves an event overdue, even for the hub with the largest maxAge.
local ttl = math.max(age, nextAge, maxAge) * 4 + 60000
-- No hub has evicted anything for so long that logs may have expired.
local logsExpired = bytes > 0 and now - oldest > age * 3 + 30000

local function save()
  redis.call('HSET', KEYS[1], 'seq', seq, 'events', events, 'bytes', bytes, 'oldest', oldest,
    'evictionFloor', evictionFloor)
end

local function sequenceOf(frame)
  return tonumber(string.match(frame, '^id: %w+-(%d+)'))
end

local function isOverdue(slack)
  return bytes > maxBytes or now - oldest > maxAge + maxAge * slack
end

local function evictions()
  ${RAISE_FLOORS}
  ${FORGET_KEYED}
  -- Stores the last evicted sequence of each address; beyond the limit, only floors for many of them.
  local function recordEvicted(pairsOfSequenceAndKey)
    redis.call('ZADD', evicted, 'GT', unpack(pairsOfSequenceAndKey))
    local surplus = redis.call('ZCARD', evicted) - ${MAX_EVICTED_ADDRESSES}
    if surplus <= 0 then return end
    if redis.call('EXISTS', floors) == 0 then
      redis.call('BITFIELD', floors, 'SET', ${LAST_FLOOR}, 0)
      redis.call('PEXPIRE', floors, ttl + ${METADATA_TTL_MS})
    end
    while surplus > 0 do
      local removed = redis.call('ZPOPMIN', evicted, math.min(surplus, 200))
      raiseFloors(removed)
      evictionFloor = math.max(evictionFloor, tonumber(removed[#removed]))
      surplus = surplus - 200
    end
  end

  -- Subtracts evicted frames of an address from the size of the journal and returns the sequence of the last one.
  local function subtract(frames, count, key)
    for i = 1, count do
      bytes = bytes - #frames[i] - ${ENTRY_BYTES}
      if hasKeyed then forgetKeyed(key, frames[i]) end
    end
    events = events - count
    return sequenceOf(frames[count])
  end

  -- Whether an event of this address is stored, up to a sequence.
  local function isStored(key, upTo)
    local first = redis.call('LINDEX', logs .. key, 0)
    return first and sequenceOf(first) <= upTo
  end

  -- Removes the record of the call that published this sequence if none of its events is stored any
  -- longer and returns the last sequence of the call. Where many addresses are always published
  -- together, checking the last key first finds a stored event at once.
  local function removeRecord(sequence, isLeft)
    isLeft = isLeft or isStored
    local record = redis.call('ZRANGEBYSCORE', records, sequence, '+inf', 'LIMIT', 0, 1)[1]
    if not record then return math.huge end
    local last = tonumber(string.match(record, '^%d+'))
    if isLeft(string.sub(record, 1 - string.find(string.reverse(record), '\\n', 1, true)), last) then
      return last
    end
    for key in string.gmatch(record, '\\n([^\\n]+)') do
      if isLeft(key, last) then return last end
    end
    redis.call('ZREM', records, record)
    bytes = bytes - #record - ${RECORD_BYTES}
    return last
  end

  -- Evicts the oldest events of addresses: of each key, the number that counts has. Here and below, commands that free memory
  -- come first: if memory is full, Redis refuses commands that need memory until the script has written something.
  -- The record of a call is looked for once, however many of its addresses are trimmed.
  local function trimLogs(counts)
    local removed, sequences, size, logCount = {}, {}, 0, 0
    for key, count in pairs(counts) do
      local frames = redis.call('LPOP', logs .. key, math.min(count, ${MAX_BACKLOG}))
      redis.call('PEXPIRE', logs .. key, ttl)
      removed[#removed + 1] = subtract(frames, #frames, key) removed[#removed + 1] = key
      for i = 1, #frames do sequences[size + i] = sequenceOf(frames[i]) end
      size, logCount = size + #frames, logCount + 1
    end
    recordEvicted(removed)
    if logCount > 1 then table.sort(sequences) end
    local seen = 0
    for i = 1, size do
      if sequences[i] > seen then seen = removeRecord(sequences[i]) end
    end
  end

  -- Evicts the events of one address up to a sequence; returns how many, and the last sequence.
  local function evictUpTo(key, upTo)
    local log, count, last, limit = logs .. key, 0, nil, 2
    while true do
      local frames, some = redis.call('LRANGE', log, 0, limit - 1), 0
      while frames[some + 1] and sequenceOf(frames[some + 1]) <= upTo do some = some + 1 end
      if some > 0 then
        redis.call('LTRIM', log, some, -1)
        count, last = count + some, subtract(frames, some, key)
      end
      if some < limit then
        if some < #frames then redis.call('PEXPIRE', log, ttl) end
        return count, last
      end
      limit = math.min(limit * 4, ${MAX_FRAMES})
    end
  end

  -- Evicts the oldest events of the journal: those of the first calls, as far as they are overdue.
  local function evictOldest(target)
    local found = redis.call('ZRANGEBYSCORE', records, '(' .. expiredUpTo, '+inf', 'LIMIT', 0, ${MAX_RECORDS + 1})
    local left, keys, removed, count, named, upTo = bytes, {}, {}, 0, 0, 0
    oldest = now
    for i, record in ipairs(found) do
      local sequence, at, size = string.match(record, '^(%d+) (%d+) (%d+)')
      local isRecent = left <= target and now - at <= maxAge
      if isRecent or i > ${MAX_RECORDS} or named >= ${MAX_KEYS} then oldest = tonumber(at) break end
      count, upTo = i, tonumber(sequence)
      left = left - size - #record - ${RECORD_BYTES}
      bytes = bytes - #record - ${RECORD_BYTES}
      for key in string.gmatch(record, '\\n([^\\n]+)') do
        keys[key], named = true, named + 1
      end
    end
    redis.call('ZREMRANGEBYSCORE', records, '(' .. expiredUpTo, upTo)
    local all = count == #found
    for key in pairs(keys) do
      local some, last = evictUpTo(key, upTo)
      count = count + some
      if last then removed[#removed + 1] = last removed[#removed + 1] = key end
    end
    if #removed > 0 then recordEvicted(removed) end
    if all then events, bytes = 0, 0 end
    return count
  end

  ${EXPIRE_ALL}
  -- Evicts overdue events of the journal, up to a limit, or up to a higher one if bounds are far
  -- exceeded: a log must not expire before its last event.
  local function enforceBounds(limit, slack)
    if logsExpired then expireAll() end
    local target = bytes > maxBytes and maxBytes - math.floor(maxBytes * slack) or maxBytes
    local count = 0
    while isOverdue(slack) do
      local isBacklog = bytes > maxBytes + maxBytes * ${SLACK} or now - oldest > maxAge * 2
      if count >= (isBacklog and ${MAX_BACKLOG} or limit) then return end
      local some = evictOldest(target)
      if some == 0 then return end
      count = count + some
    end
  end

  ${UPKEEP}
  return trimLogs, enforceBounds, sweepOnce, removeRecord, recordEvicted
end
`

/** Lua after that, for every script but `PUBLISH`: `sweep`. */
export const SWEEP: string = `
-- A Redis without free memory refuses to write, but must still be readable.
local function sweep()
  pcall(function()
    local _, _, sweepOnce = evictions()
    sweepOnce()
  end)
end
`
