/** Eviction inside Redis: the oldest events of an address, and the oldest of the journal. */

/** The overhead of an event in Redis besides its frame, at most: it is the only one of its address. */
export const ENTRY_BYTES: number = 300

/** The overhead of a batch record in Redis besides its keys. */
export const BATCH_BYTES: number = 40

/** The part by which bounds may be exceeded, so that many events are evicted at a time. */
export const SLACK: number = 1 / 16

/** Batch records, and their keys, that are evicted in one step: about a millisecond of work. */
const MAX_BATCHES = 32
const MAX_KEYS = 100

/** The maximum number of frames read from one log at a time. */
const MAX_FRAMES = 128

/** Events that one sweep evicts. */
const MAX_SWEPT = 1_000

/** Events that any call evicts if bounds are far exceeded: 0.2 s of work. */
const MAX_BACKLOG = 10_000

/** How many addresses Redis remembers the last evicted sequence for. */
const MAX_EVICTED_ADDRESSES = 100_000

/**
 * Lua after the resolution of the epoch: `save`, `isOverdue` and `evictions`. The functions inside
 * `evictions` are created only if something has to be evicted: creating them takes as long as two
 * commands.
 */
export const EVICTION: string = `
-- The time to live of a log, set when its first event is stored and after each eviction. It exceeds
-- the time by which enforceBounds ever lets an event be overdue, for the hub with the largest maxAge.
local ttl = math.max(age, maxAge) * 4 + 60000
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
  -- All keys in the batch records, each with the last sequence that it can have.
  local function lastByKey()
    local keys, from = {}, '-'
    while from do
      local records = redis.call('XRANGE', batches, from, '+', 'COUNT', 100)
      for _, record in ipairs(records) do
        local sequence = string.match(record[1], '^%d+')
        for key in string.gmatch(record[2][2], '[^\\n]+') do keys[key] = sequence end
      end
      from = records[100] and '(' .. records[100][1]
    end
    return keys
  end

  -- Stores the last evicted sequence of each address; beyond the limit, only the highest of them all.
  local function recordEvicted(pairsOfSequenceAndKey)
    redis.call('ZADD', evicted, 'GT', unpack(pairsOfSequenceAndKey))
    local surplus = redis.call('ZCARD', evicted) - ${MAX_EVICTED_ADDRESSES}
    if surplus <= 0 then return end
    local removed = redis.call('ZPOPMIN', evicted, surplus)
    evictionFloor = math.max(evictionFloor, tonumber(removed[#removed]))
  end

  -- Subtracts evicted frames from the size of the journal, and returns the sequence of the last one.
  local function subtract(frames, count)
    for i = 1, count do bytes = bytes - #frames[i] - ${ENTRY_BYTES} end
    events = events - count
    return sequenceOf(frames[count])
  end

  -- Evicts the oldest events of one address. Here and below, commands that free memory come first: if
  -- memory is full, Redis refuses commands that need memory until the script has written something.
  local function trimLog(key, count)
    local log = logs .. key
    local frames = redis.call('LPOP', log, math.min(count, ${MAX_BACKLOG}))
    redis.call('PEXPIRE', log, ttl)
    recordEvicted({ subtract(frames, #frames), key })
  end

  -- Evicts the events of one address up to a sequence; returns how many, and the last sequence.
  local function evictUpTo(key, upTo)
    local log, count, last, limit = logs .. key, 0, nil, 2
    while true do
      local frames, some = redis.call('LRANGE', log, 0, limit - 1), 0
      while frames[some + 1] and sequenceOf(frames[some + 1]) <= upTo do some = some + 1 end
      if some > 0 then
        redis.call('LTRIM', log, some, -1)
        count, last = count + some, subtract(frames, some)
      end
      if some < limit then
        if some < #frames then redis.call('PEXPIRE', log, ttl) end
        return count, last
      end
      limit = math.min(limit * 4, ${MAX_FRAMES})
    end
  end

  -- Evicts the oldest events of the journal: those of the first batches, as far as they are overdue.
  local function evictOldest(target)
    local records = redis.call('XRANGE', batches, '-', '+', 'COUNT', ${MAX_BATCHES + 1})
    local left, keys, removed, count, named, upTo = bytes, {}, {}, 0, 0, 0
    oldest = now
    for i, record in ipairs(records) do
      local sequence, at = string.match(record[1], '^(%d+)-(%d+)$')
      local isRecent = left <= target and now - at <= maxAge
      if isRecent or i > ${MAX_BATCHES} or named >= ${MAX_KEYS} then oldest = tonumber(at) break end
      count, upTo, left = i, tonumber(sequence), left - record[2][4]
      bytes = bytes - #record[2][2] - ${BATCH_BYTES}
      for key in string.gmatch(record[2][2], '[^\\n]+') do
        keys[key], named = true, named + 1
      end
    end
    redis.call('XTRIM', batches, 'MINID', upTo + 1)
    local all = count == #records
    for key in pairs(keys) do
      local some, last = evictUpTo(key, upTo)
      count = count + some
      if last then removed[#removed + 1] = last removed[#removed + 1] = key end
    end
    if #removed > 0 then recordEvicted(removed) end
    if all then events, bytes = 0, 0 end
    return count
  end

  -- Evicts everything, whether or not its log has expired.
  local function evictAll()
    for key, sequence in pairs(lastByKey()) do
      redis.call('UNLINK', logs .. key)
      recordEvicted({ sequence, key })
    end
    redis.call('XTRIM', batches, 'MAXLEN', 0)
    events, bytes, oldest, logsExpired = 0, 0, now, false
  end

  -- Evicts overdue events of the journal, up to a limit, or up to a higher one if bounds are far
  -- exceeded: a log must not expire before its last event.
  local function enforceBounds(limit, slack)
    if logsExpired then evictAll() end
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

  -- Extends the time to live of all logs: this hub has a larger maxAge than every hub before it.
  local function extendLogs()
    for key in pairs(lastByKey()) do redis.call('PEXPIRE', logs .. key, ttl) end
    redis.call('HSET', KEYS[1], 'age', maxAge)
  end

  return trimLog, enforceBounds, extendLogs
end
`

/** Lua after that, for every script but `PUBLISH`: `sweep`. */
export const SWEEP: string = `
-- A Redis without free memory refuses to write, but must still be readable.
local function sweep()
  pcall(function()
    local _, enforceBounds, extendLogs = evictions()
    enforceBounds(${MAX_SWEPT}, 0)
    if maxAge > age then extendLogs() end
    save()
  end)
end
`
