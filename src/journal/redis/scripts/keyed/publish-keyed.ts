/**
 * Events with a key, at one address or several. Older versions would evict them without removing them from the lists of
 * their keys, so none is stored while a hub listens to the channel of control requests and not to the one of
 * this capability.
 */
import { ENTRY_BYTES } from '../evict.ts'
import { BEGIN_PUBLISH, endPublish } from '../publish.ts'
import { type JournalScript, script } from '../script.ts'
import { PUBLISH_TO_SEVERAL, refuseOlder } from '../several.ts'
import { KEYED, LIST_TTL } from './lists.ts'
import { RETAIN } from './retain.ts'

/** The end of the name of the channel that all hubs subscribe to that know keys. Nothing is published there. */
export const KEYED_MARKER = ':keyed'

/** What the body of an event starts with that supersedes others, or that does so and is retained; that of any other starts with a space. */
export const REPLACES = '+'
export const RETAINS = '*'

/** The maximum number of frames that are read from a log at a time. */
const MAX_NEIGHBOURS = 16

/**
 * Lua: `supersede(address, name)` removes the events with a name from the log of an address, without recording them as
 * evicted; `addKeyed(address, name)` adds the newest sequence, and returns the bytes that it takes. `eachPlace(keys, key,
 * visit)` calls `visit` with each address and name at which an event supersedes others: at a pattern, one for each topic.
 */
const SUPERSEDE = `
${KEYED}
local superseded, supersededCount = {}, 0

-- The place of the first frame after a sequence in a log, and the frame.
local function firstAfter(log, sequence, from)
  local low, high, probe, found = from, redis.call('LLEN', log), from, nil
  while low < high do
    local frame = redis.call('LINDEX', log, probe)
    if sequenceOf(frame) > sequence then high, found = probe, frame else low = probe + 1 end
    probe = math.floor((low + high) / 2)
  end
  return low, found
end

local function removePlaces(log, places)
  local count = #places
  local first, last = places[1], places[count]
  if first == 0 and last == count - 1 then
    redis.call('LTRIM', log, count, -1)
  elseif last - first == count - 1 and last == redis.call('LLEN', log) - 1 then
    redis.call('LTRIM', log, 0, first - 1)
  else
    -- An empty element holds its place until all are removed together.
    for _, place in ipairs(places) do redis.call('LSET', log, place, '') end
    redis.call('LREM', log, -count, '')
  end
  -- A log of which each event is replaced in time is never evicted from.
  redis.call('PEXPIRE', log, ttl)
end

local function supersede(address, name)
  local list, log, places = keyedList(address, name), logs .. address, {}
  local sequences = redis.call('LRANGE', list, 0, -1)
  -- Redis without free memory refuses LSET, unless the script has written something before.
  redis.call('DEL', list)
  -- Events with the same key are often neighbours: some frames are read at a time, from the place first on.
  local first, frames, at = 0, {}, 1
  for i, text in ipairs(sequences) do
    local sequence = tonumber(text)
    while frames[at] and sequenceOf(frames[at]) < sequence do at = at + 1 end
    if not frames[at] then
      first, at = firstAfter(log, sequence - 1, first + #frames), 1
      frames = redis.call('LRANGE', log, first, first + math.min(#sequences - i, ${MAX_NEIGHBOURS - 1}))
    end
    local frame = frames[at]
    if frame and sequenceOf(frame) == sequence then
      places[#places + 1], at = first + at - 1, at + 1
      bytes = bytes - #frame - ${ENTRY_BYTES} - keyedBytes(address, name)
      superseded[sequence] = superseded[sequence] or {}
      superseded[sequence][address] = true
    end
  end
  if places[1] then removePlaces(log, places) end
  events, supersededCount = events - #places, supersededCount + #places
end

local function addKeyed(address, name)
  local list = keyedList(address, name)
  if redis.call('RPUSH', list, seq) == 1 then redis.call('PEXPIRE', list, ${LIST_TTL}) end
  return keyedBytes(address, name)
end

local function eachPlace(keys, key, visit)
  local listed = {}
  for address in string.gmatch(keys, '[^\\n]+') do
    if string.sub(address, 1, 2) == 'p:' then listed[address] = true else visit(address, key) end
  end
  if not next(listed) then return end
  local function visitPattern(pattern, topic)
    if listed[pattern] then visit(pattern, topic .. '\\n' .. key) end
  end
  for topic in string.gmatch('\\n' .. keys, '\\nt:([^\\n]+)') do
    for level in string.gmatch(topic, '()/') do
      local pattern = 'p:' .. string.sub(topic, 1, level) .. '*'
      visitPattern(pattern .. '*', topic)
      if not string.find(topic, '/', level + 1, true) then visitPattern(pattern, topic) end
    end
  end
end

-- Whether an event of this address is stored that the call up to a sequence has published: other than evicted
-- events, those that were superseded may have older ones before them.
local start, startOf
local function isLeft(address, last)
  if startOf ~= last then
    local before = redis.call('ZREVRANGEBYSCORE', records, '(' .. last, '-inf', 'LIMIT', 0, 1)[1]
    start, startOf = before and tonumber(string.match(before, '^%d+')) or 0, last
  end
  -- Many calls publish one event at many addresses.
  if start == last - 1 and superseded[last] and superseded[last][address] then return false end
  local _, frame = firstAfter(logs .. address, start, 0)
  return frame and sequenceOf(frame) <= last
end

-- Removes the records of calls of which no event is stored any longer.
local function removeSupersededRecords()
  if supersededCount == 0 then return end
  local _, _, _, removeRecord = evictions()
  local sequences, seen = {}, 0
  for sequence in pairs(superseded) do sequences[#sequences + 1] = sequence end
  table.sort(sequences)
  for _, sequence in ipairs(sequences) do
    if sequence > seen then seen = removeRecord(sequence, isLeft) end
  end
end
`

/** keys (one per line), (keys of an event (one per line), `+`, `*` or a space and body)… → epoch, sequence of the last event, (instances)… */
export const PUBLISH_KEYED: JournalScript = script(
  'publish keyed',
  `
${refuseOlder(KEYED_MARKER, 'can’t store events with a key: upgrade it, or publish without one.')}
${PUBLISH_TO_SEVERAL}
${BEGIN_PUBLISH}
${SUPERSEDE}
${RETAIN}
local function publishAtEach(keys, frame)
  local most = 0
  for key in string.gmatch(keys, '[^\\n]+') do
    local instances = call('PUBLISH', channel .. key, frame)
    most = math.max(most, instances + (publishToBucket and publishToBucket(key, frame) or 0))
  end
  return most
end
local stored, over = 0, {}
-- Always, and before anything is removed: Redis without free memory refuses it, but nothing that a script writes later.
call('HSET', KEYS[1], 'keyed', 1)
hasKeyed = '1'
while args[i] do
  local keys, body = args[i], sub(args[i + 1], 2)
  local mark = sub(args[i + 1], 1, 1)
  local eventKey = string.match(body, '^: key ([^\\n]*)')
  local frame = nextFrame(body)
  if mark ~= ' ' then
    eachPlace(keys, eventKey, function(address, name)
      supersede(address, name)
      if retainedBytes or retainedChanged then dropRetained(address, name) end
    end)
  end
  if mark == '${RETAINS}' then
    -- At all patterns, as one may be followed later.
    eachPlace(keys, eventKey, function(address, name) putRetained(address, name, frame) end)
  else
    for key in string.gmatch(keys, '[^\\n]+') do if not skips(key) then
      local length = call('RPUSH', logs .. key, frame)
      if length == 1 then call('PEXPIRE', logs .. key, ttl) end
      local name = nameAt(key, frame)
      stored, size = stored + 1, size + #frame + ${ENTRY_BYTES} + (name and addKeyed(key, name) or 0)
      if length > limit then over[key] = true end
    end end
  end
  i, count = i + 2, count + 1
  local own = string.gsub(keys, '\\np:[^\\n]*', '')
  if string.find(own, '\\n', 1, true) then
    reply[count] = publishToSeveral(keys, frame)
  else
    reply[count] = publishAtEach(hasPatterns and keys or own, frame)
  end
end
-- Some of what they exceeded the limit by may have been superseded.
for key in pairs(over) do
  local exceeding = call('LLEN', logs .. key) - maxEvents
  if exceeding > 0 then
    surplus = surplus or {}
    surplus[key] = exceeding
  end
end
events = events + stored
call('HINCRBY', KEYS[1], 'copies', stored - (count - 2) - supersededCount)
removeSupersededRecords()
saveRetained()
${endPublish('stored')}
`,
)
