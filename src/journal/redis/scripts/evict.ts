/** How what is due is given up inside Redis: the oldest of an address, and the oldest of all. */

/** What an event costs Redis beside its frame: most where it is the only one of its address. */
export const ENTRY_BYTES: number = 300

/** What a mark costs Redis beside its keys. */
export const MARK_BYTES: number = 40

/** The part by which bounds may be overstepped, so that many events are given up at a time. */
export const SLACK: number = 1 / 16

/** Marks, and their keys, that are given up together: about a millisecond's work. */
const MAX_MARKS = 32
const MAX_KEYS = 100

/** Frames of one log that are looked at together at the most. */
const MAX_WANTED = 128

/** Events that a sweep gives up, and those that any step does where bounds are far overstepped: 0.2 s. */
const MAX_SWEPT = 1_000
const MAX_PRESSED = 10_000

/** Addresses of which it is remembered what they gave up. */
const MAX_REMEMBERED = 100_000

/**
 * Lua behind what settles the epoch: `save`; `due` and `pruning`, whose functions are made only where
 * something is to be given up: making them costs as much as two commands.
 */
export const EVICTION: string = `
-- Of a log, from when its first event came or the last were given up: longer than tidy ever lets one
-- be overdue, for the hub that keeps events longest.
local ttl = math.max(age, maxAge) * 4 + 60000
-- Nobody was here to give anything up, for so long that logs may have expired.
local lapsed = bytes > 0 and now - oldest > age * 3 + 30000

local function save()
  redis.call('HSET', KEYS[1], 'seq', seq, 'events', events, 'bytes', bytes, 'oldest', oldest,
    'forgotten', forgotten)
end

local function sequenceOf(frame)
  return tonumber(string.match(frame, '^id: %w+-(%d+)'))
end

local function due(slack)
  return bytes > maxBytes or now - oldest > maxAge + maxAge * slack
end

local function pruning()
  -- All keys that marks tell of, and the last sequence that each can have.
  local function marked()
    local keys, from = {}, '-'
    while from do
      local marks = redis.call('XRANGE', order, from, '+', 'COUNT', 100)
      for _, mark in ipairs(marks) do
        local sequence = string.match(mark[1], '^%d+')
        for key in string.gmatch(mark[2][2], '[^\\n]+') do keys[key] = sequence end
      end
      from = marks[100] and '(' .. marks[100][1]
    end
    return keys
  end

  -- Remembers up to where each address lost something; beyond the bound, only up to where any did.
  local function remember(losses)
    redis.call('ZADD', evicted, 'GT', unpack(losses))
    local surplus = redis.call('ZCARD', evicted) - ${MAX_REMEMBERED}
    if surplus <= 0 then return end
    local gone = redis.call('ZPOPMIN', evicted, surplus)
    forgotten = math.max(forgotten, tonumber(gone[#gone]))
  end

  -- Takes off the first frames of a log, which were given up, and says up to where.
  local function lighten(frames, count)
    for i = 1, count do bytes = bytes - #frames[i] - ${ENTRY_BYTES} end
    events = events - count
    return sequenceOf(frames[count])
  end

  -- Gives up the oldest of one address. What frees memory comes first, here and below: without any
  -- to spare, Redis lets a script write once it has begun to.
  local function trim(key, count)
    local log = logs .. key
    local frames = redis.call('LPOP', log, math.min(count, ${MAX_PRESSED}))
    redis.call('PEXPIRE', log, ttl)
    remember({ lighten(frames, #frames), key })
  end

  -- Gives up what one address has up to a sequence, and says how much that was, and up to where.
  local function cut(key, upTo)
    local log, count, last, wanted = logs .. key, 0, nil, 2
    while true do
      local frames, some = redis.call('LRANGE', log, 0, wanted - 1), 0
      while frames[some + 1] and sequenceOf(frames[some + 1]) <= upTo do some = some + 1 end
      if some > 0 then
        redis.call('LTRIM', log, some, -1)
        count, last = count + some, lighten(frames, some)
      end
      if some < wanted then
        if some < #frames then redis.call('PEXPIRE', log, ttl) end
        return count, last
      end
      wanted = math.min(wanted * 4, ${MAX_WANTED})
    end
  end

  -- Gives up the oldest of all: what the first marks tell of, as far as it is due.
  local function cutFirst(room)
    local marks = redis.call('XRANGE', order, '-', '+', 'COUNT', ${MAX_MARKS + 1})
    local left, keys, losses, count, named, upTo = bytes, {}, {}, 0, 0, 0
    oldest = now
    for i, mark in ipairs(marks) do
      local sequence, at = string.match(mark[1], '^(%d+)-(%d+)$')
      local young = left <= room and now - at <= maxAge
      if young or i > ${MAX_MARKS} or named >= ${MAX_KEYS} then oldest = tonumber(at) break end
      count, upTo, left = i, tonumber(sequence), left - mark[2][4]
      bytes = bytes - #mark[2][2] - ${MARK_BYTES}
      for key in string.gmatch(mark[2][2], '[^\\n]+') do
        keys[key], named = true, named + 1
      end
    end
    redis.call('XTRIM', order, 'MINID', upTo + 1)
    local all = count == #marks
    for key in pairs(keys) do
      local some, last = cut(key, upTo)
      count = count + some
      if last then losses[#losses + 1] = last losses[#losses + 1] = key end
    end
    if #losses > 0 then remember(losses) end
    if all then events, bytes = 0, 0 end
    return count
  end

  -- Gives up all, logs that have expired and those that have not.
  local function lapse()
    for key, sequence in pairs(marked()) do
      redis.call('UNLINK', logs .. key)
      remember({ sequence, key })
    end
    redis.call('XTRIM', order, 'MAXLEN', 0)
    events, bytes, oldest, lapsed = 0, 0, now, false
  end

  -- Gives up what is due of all, a part at a time, and a larger one where far too much is: a log must
  -- not expire before its last event.
  local function tidy(limit, slack)
    if lapsed then lapse() end
    local room = bytes > maxBytes and maxBytes - math.floor(maxBytes * slack) or maxBytes
    local count = 0
    while due(slack) do
      local pressing = bytes > maxBytes + maxBytes * ${SLACK} or now - oldest > maxAge * 2
      if count >= (pressing and ${MAX_PRESSED} or limit) then return end
      local some = cutFirst(room)
      if some == 0 then return end
      count = count + some
    end
  end

  -- A hub has come that keeps events longer than all before it: logs have to live longer, too.
  local function prolong()
    for key in pairs(marked()) do redis.call('PEXPIRE', logs .. key, ttl) end
    redis.call('HSET', KEYS[1], 'age', maxAge)
  end

  return trim, tidy, prolong
end
`

/** Lua behind that, for all that does not publish: `sweep`. */
export const SWEEP: string = `
-- A Redis without memory to spare refuses to write, and must be read all the same.
local function sweep()
  pcall(function()
    local _, tidy, prolong = pruning()
    tidy(${MAX_SWEPT}, 0)
    if maxAge > age then prolong() end
    save()
  end)
end
`
