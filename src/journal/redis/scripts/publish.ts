/** The script that stores and publishes events, and what it shares with the one for several addresses. */
import { PUBLISH_TO_BUCKET } from './buckets.ts'
import { ENTRY_BYTES, METADATA_TTL_MS, RECORD_BYTES, SLACK } from './evict.ts'
import { SKIPS_PATTERNS } from './patterns.ts'
import { FIRST, type JournalScript, script } from './script.ts'

/** The maximum number of events by which an address may exceed its bound, so that many are evicted at a time. */
const MAX_SURPLUS = 99

/** `00` to `99`, concatenated. */
const TWO_DIGITS = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0')).join('')

/** Lua: what storing events starts with: `nextFrame`, and the variables for what is stored. */
export const BEGIN_PUBLISH: string = `
if writeError then return writeError end
if logsExpired then
  local _, enforceBounds = evictions()
  enforceBounds(0, ${SLACK})
end
local args, call, sub = ARGV, redis.call, string.sub
local reply, count, size, i = { epoch, seq }, 2, 0, ${FIRST + 1}
local line, channel, wasEmpty = 'id: ' .. epoch .. '-', prefix .. ':address:', bytes == 0
local surplus, limit = nil, maxEvents + math.min(maxEvents * ${SLACK}, ${MAX_SURPLUS})
if wasEmpty then oldest = now end
${SKIPS_PATTERNS}-- Lua takes half a microsecond to format a number: all but the last two digits are formatted once per
-- hundred events.
local digits, stem = '${TWO_DIGITS}', nil
local function nextFrame(body)
  seq = seq + 1
  local rest = seq % 100
  if rest == 0 or not stem then stem = line .. (seq < 100 and '' or math.floor(seq / 100)) end
  if seq < 10 then return line .. seq .. '\\n' .. body end
  return stem .. sub(digits, rest * 2 + 1, rest * 2 + 2) .. '\\n' .. body
end
`

/** Lua: what storing events ends with: the record of the call, eviction, and the reply. @param added - how many were stored in logs */
export function endPublish(added: string): string {
  return `
if ${added} > 0 then
  local keys = hasPatterns and args[${FIRST}] or string.gsub(args[${FIRST}], '\\np:[^\\n]*', '')
  local record = seq .. ' ' .. now .. ' ' .. size .. '\\n' .. keys
  bytes = bytes + size + #record + ${RECORD_BYTES}
  call('ZADD', records, seq, record)
  if wasEmpty then call('PEXPIRE', records, ttl + ${METADATA_TTL_MS}) end
end
if surplus or isOverdue(${SLACK}) then
  local trimLogs, enforceBounds = evictions()
  if surplus then trimLogs(surplus) end
  enforceBounds(2 * (${added}), ${SLACK})
end
save()
reply[2] = seq
return reply
`
}

/**
 * keys (one per line), (key, body)… → epoch, sequence of the last event, (instances that subscribe)…
 *
 * Consecutive events at the same key are stored and delivered in one step. With the key of a topic come those of the
 * patterns that cover it, one per line; of the instances at all of them, the most at one are returned.
 */
export const PUBLISH: JournalScript = script(
  'publish',
  `
${BEGIN_PUBLISH}
${PUBLISH_TO_BUCKET}
local copies = 0
local function publishAt(key, frame)
  local instances = call('PUBLISH', channel .. key, frame)
  return publishToBucket and instances + publishToBucket(key, frame) or instances
end
-- One event after another: a hub that listens to two of the keys receives them in order.
local function storeAtPatterns(keys, frame)
  local most = 0
  for key in string.gmatch(keys, '[^\\n]+') do
    local length = call('RPUSH', logs .. key, frame)
    if length == 1 then call('PEXPIRE', logs .. key, ttl) end
    if length > limit then
      surplus = surplus or {}
      surplus[key] = length - maxEvents
    end
    events, copies, size = events + 1, copies + 1, size + #frame + ${ENTRY_BYTES}
    most = math.max(most, publishAt(key, frame))
  end
  copies, count = copies - 1, count + 1
  reply[count] = most
end
local function store()
  local keys, same, length = args[i], 1, nil
  local first, frame = string.find(keys, '\\n', 1, true), nextFrame(args[i + 1])
  i = i + 2
  if first and hasPatterns then return storeAtPatterns(keys, frame) end
  local key = first and sub(keys, 1, first - 1) or keys
  local log = logs .. key
  if args[i] ~= keys then
    length = call('RPUSH', log, frame)
  else
    local frames = { frame }
    repeat
      same = same + 1
      frames[same] = nextFrame(args[i + 1])
      i = i + 2
    until args[i] ~= keys
    length = call('RPUSH', log, unpack(frames))
    frame = table.concat(frames)
  end
  if length == same then call('PEXPIRE', log, ttl) end
  events, size = events + same, size + #frame + same * ${ENTRY_BYTES}
  if length > limit then
    surplus = surplus or {}
    surplus[key] = length - maxEvents
  end
  local instances = publishAt(key, frame)
  for _ = 1, same do
    count = count + 1
    reply[count] = instances
  end
end
while args[i] do store() end
if copies > 0 then call('HINCRBY', KEYS[1], 'copies', copies) end
${endPublish('count - 2 + copies')}
`,
)
