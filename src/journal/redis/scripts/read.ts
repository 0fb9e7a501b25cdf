/** The scripts that read the journal: for one connection, and for all connections of a hub at once. */
import { SWEEP } from './evict.ts'
import { LAST_EVICTED } from './floors.ts'
import { READ_RETAINED } from './keyed/retain.ts'
import { USE_PATTERNS } from './patterns.ts'
import { FIRST, type Script, script } from './script.ts'

/** Lua: `find`. */
const FIND = `
-- The index of the first frame after the start, or false.
local function find(log)
  local low, high = 0, redis.call('LLEN', log)
  local size, probe = high, high - 1
  if start == 0 then high = 0 end
  while low < high do
    if sequenceOf(redis.call('LINDEX', log, probe)) > start then high = probe else low = probe + 1 end
    probe = math.floor((low + high) / 2)
  end
  return low < size and low
end
`

/**
 * epoch (or `EARLIEST`, or `RETAINED`), sequence, bytes, keys… → epoch, end, gap, done, frames…; with `RETAINED`, those that
 * are retained after the sequence, the end of the journal, and instead of the gap up to where these keys are incomplete
 */
export const READ: Script = script(
  'read',
  `
${SWEEP}
${LAST_EVICTED}
${USE_PATTERNS}
${READ_RETAINED}
local from, sequence, room = ARGV[${FIRST}], tonumber(ARGV[${FIRST + 1}]), tonumber(ARGV[${FIRST + 2}])
local patternsAfter = 0
for i = ${FIRST + 3}, #ARGV do
  if string.sub(ARGV[i], 1, 2) == 'p:' then
    local after, refusal = usePatterns()
    if refusal then return refusal end
    patternsAfter = after
    break
  end
end
sweep()
local onlyRetained = from == 'RETAINED'
if onlyRetained and not retainedBytes then return { epoch, seq, patternsAfter, 1 } end
local start, gap = onlyRetained and sequence or 0, onlyRetained and patternsAfter or nil
if from ~= 'EARLIEST' and not onlyRetained then
  start, gap = locate(from, sequence)
  if patternsAfter > start then gap = gap or 'evicted' end
end
${FIND}-- Moves a reader to the next frame of its log. With many logs of large events, each reads only a few
-- frames at a time.
local readers = {}
local function advance(reader)
  reader.at = reader.at + 1
  reader.frame = reader.list[reader.at]
  if not reader.frame and reader.from then
    reader.list = reader.load and reader.load(reader.from, reader.limit)
      or redis.call('LRANGE', reader.log, reader.from, reader.from + reader.limit - 1)
    reader.at = 1
    reader.from, reader.frame = reader.list[reader.limit] and reader.from + reader.limit, reader.list[1]
    if reader.frame then
      reader.limit = math.max(1, math.min(32, math.floor(room / #reader.frame / #readers)))
    end
  end
  reader.seq = reader.frame and sequenceOf(reader.frame) or math.huge
end
for i = ${FIRST + 3}, #ARGV do
  local key = ARGV[i]
  if from ~= 'EARLIEST' and not onlyRetained and not gap then
    local isExpired = expiredUpTo > start or logsExpired and seq > start
    if isExpired or lastEvicted(key, start) > start then gap = 'evicted' end
  end
  local index = not onlyRetained and find(logs .. key)
  if index then
    readers[#readers + 1] = { log = logs .. key, from = index, limit = 1, at = 0, list = {} }
  end
  if retainedBytes then
    readers[#readers + 1] = { load = retainedAfter(key, start), from = 0, limit = 1, at = 0, list = {} }
  end
end
for _, reader in ipairs(readers) do advance(reader) end
local reply, used, last, none = { epoch, seq, gap or '', 1 }, 0, 0, { seq = math.huge }
while true do
  local best = none
  for _, reader in ipairs(readers) do
    if reader.seq < best.seq then best = reader end
  end
  local frame = best.frame
  if not frame then break end
  -- Another of these addresses may have the same event.
  if best.seq > last then
    if used > 0 and used + #frame > room then
      reply[2], reply[4] = onlyRetained and seq or last, 0
      break
    end
    used, last = used + #frame, best.seq
    reply[#reply + 1] = frame
  end
  advance(best)
end
return reply
`,
)

/** Frames read from one log at a time. */
const STEP = 8

/**
 * epoch, sequence, bytes, keys… → epoch, end, for each key its frames: 0 if some were evicted or are retained, or if
 * the frames up to this key exceed the bytes.
 */
export const READ_EACH: Script = script(
  'read each',
  `
${SWEEP}
${LAST_EVICTED}
${READ_RETAINED}
local start, gap = locate(ARGV[${FIRST}], tonumber(ARGV[${FIRST + 1}]))
local room, reply = tonumber(ARGV[${FIRST + 2}]), { epoch, seq }
${FIND}
local function framesOf(log)
  local from, frames = find(log), {}
  while from do
    local some = redis.call('LRANGE', log, from, from + ${STEP - 1})
    for _, frame in ipairs(some) do
      room = room - #frame
      frames[#frames + 1] = frame
    end
    if room < 0 then return 0 end
    from = some[${STEP}] and from + ${STEP}
  end
  return frames
end
if expiredUpTo > start or logsExpired and seq > start then gap = 'evicted' end
for i = ${FIRST + 3}, #ARGV do
  local key = ARGV[i]
  local isComplete = not gap and room >= 0 and lastEvicted(key, start) <= start
  if isComplete and retainedBytes then isComplete = not retainedAfter(key, start)(0, 1)[1] end
  reply[#reply + 1] = isComplete and framesOf(logs .. key) or 0
end
return reply
`,
)
