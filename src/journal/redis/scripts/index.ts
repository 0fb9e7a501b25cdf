/**
 * The Lua scripts that run inside Redis. Each runs atomically.
 *
 * All keys are in one hash slot. `{prefix}:head` is a hash with the epoch, the last sequence and the
 * size of the journal. `{prefix}:requests` is a sorted set of control requests for hubs that start
 * later, by expiry. The other keys start with `{prefix}:<root>:`, and a flushed Redis starts a new root.
 * `log:<key>` is the list of the frames of one address. `records` is a sorted set with one record per
 * call that published and of which an event is stored, by its last sequence: a line with that
 * sequence, the time and the bytes of the frames, then the keys, one per line. `evicted` is a sorted
 * set with the last evicted sequence of each address, and `floors` covers addresses beyond its limit.
 */

import { DISUSE_BUCKETS, PUBLISH_TO_BUCKET, RELAY, USE_BUCKETS } from './buckets.ts'
import { CONTROL_REQUEST, USE_ONCE } from './control.ts'
import { ENTRY_BYTES, METADATA_TTL_MS, RECORD_BYTES, SLACK, SWEEP } from './evict.ts'
import { READ, READ_EACH } from './read.ts'
import { FIRST, type Script, script } from './script.ts'

/** The maximum number of events by which an address may exceed its bound, so that many are evicted at a time. */
const MAX_SURPLUS = 99

/** `00` to `99`, concatenated. */
const TWO_DIGITS = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0')).join('')

/**
 * keys (one per line), (key, body)… → epoch, sequence of the last event, (instances that subscribe)…
 *
 * Consecutive events at the same key are stored and delivered in one step.
 */
export const PUBLISH: Script = script(
  'publish',
  `
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
-- Lua takes half a microsecond to format a number: all but the last two digits are formatted once per
-- hundred events.
local digits, stem = '${TWO_DIGITS}', nil
local function nextFrame(body)
  seq = seq + 1
  local rest = seq % 100
  if rest == 0 or not stem then stem = line .. (seq < 100 and '' or math.floor(seq / 100)) end
  if seq < 10 then return line .. seq .. '\\n' .. body end
  return stem .. sub(digits, rest * 2 + 1, rest * 2 + 2) .. '\\n' .. body
end
${PUBLISH_TO_BUCKET}
while args[i] do
  local key, same, length = args[i], 1, nil
  local log, frame = logs .. key, nextFrame(args[i + 1])
  i = i + 2
  if args[i] ~= key then
    length = call('RPUSH', log, frame)
  else
    local frames = { frame }
    repeat
      same = same + 1
      frames[same] = nextFrame(args[i + 1])
      i = i + 2
    until args[i] ~= key
    length = call('RPUSH', log, unpack(frames))
    frame = table.concat(frames)
  end
  if length == same then call('PEXPIRE', log, ttl) end
  events, size = events + same, size + #frame + same * ${ENTRY_BYTES}
  if length > limit then
    surplus = surplus or {}
    surplus[key] = length - maxEvents
  end
  local instances = call('PUBLISH', channel .. key, frame)
  if publishToBucket then instances = instances + publishToBucket(key, frame) end
  for _ = 1, same do
    count = count + 1
    reply[count] = instances
  end
end
local record = seq .. ' ' .. now .. ' ' .. size .. '\\n' .. args[${FIRST}]
bytes = bytes + size + #record + ${RECORD_BYTES}
call('ZADD', records, seq, record)
if wasEmpty then call('PEXPIRE', records, ttl + ${METADATA_TTL_MS}) end
if surplus or isOverdue(${SLACK}) then
  local trimLogs, enforceBounds = evictions()
  if surplus then trimLogs(surplus) end
  enforceBounds(2 * (count - 2), ${SLACK})
end
save()
reply[2] = seq
return reply
`,
)

/**
 * epoch, sequence, 1 to use buckets → epoch, end, whether all keys may have missed something,
 * keys that have
 */
export const CATCH_UP: Script = script(
  'catch up',
  `
${SWEEP}
local start, gap = locate(ARGV[${FIRST}], tonumber(ARGV[${FIRST + 1}]))
sweep()
local changed, all = {}, gap and 1 or 0
if logsExpired and start < seq or expiredUpTo > start or evictionFloor > start then all = 1 end
if all == 0 then
  changed = redis.call('ZRANGEBYSCORE', evicted, '(' .. start, '+inf', 'LIMIT', 0, 5000)
  local known, read, from = {}, 0, start
  for _, key in ipairs(changed) do known[key] = true end
  while from and read < 5000 and #changed < 5000 do
    local found = redis.call('ZRANGEBYSCORE', records, '(' .. from, '+inf', 'LIMIT', 0, 100)
    for _, record in ipairs(found) do
      for key in string.gmatch(record, '\\n([^\\n]+)') do
        if not known[key] then known[key] = true changed[#changed + 1] = key end
      end
    end
    read, from = read + #found, found[100] and string.match(found[100], '^%d+')
  end
  if from or #changed >= 5000 then all, changed = 1, {} end
end
${USE_BUCKETS}
return { epoch, seq, all, changed }
`,
)

/**
 * channel → epoch, sequence, events, bytes. Sweeps, renews the keys that would expire, and publishes
 * the head on the channel. A server that temporarily refuses writes counts as alive; a server
 * that has become a replica does not.
 */
export const KEEP_ALIVE: Script = script(
  'keep alive',
  `
${SWEEP}
sweep()
for _, key in ipairs({ KEYS[1], records, evicted, floors }) do
  local reply = redis.pcall('PEXPIRE', key, ttl + ${METADATA_TTL_MS})
  if type(reply) == 'table' and string.find(reply.err, 'READONLY', 1, true) then return reply end
end
redis.call('PUBLISH', ARGV[${FIRST}], 'head: ' .. epoch .. '-' .. seq)
${DISUSE_BUCKETS}
return { epoch, seq, events, bytes }
`,
)

/** 1 → epoch, sequence. From now on, all hubs publish to buckets. */
export const LISTEN_TO_BUCKETS: Script = script(
  'listen to buckets',
  `
${USE_BUCKETS}
return { epoch, seq }
`,
)

/** The scripts of the journal, which a connection loads when it opens. */
export const SCRIPTS: readonly Script[] = [
  PUBLISH,
  READ,
  READ_EACH,
  CATCH_UP,
  KEEP_ALIVE,
  LISTEN_TO_BUCKETS,
  RELAY,
  CONTROL_REQUEST,
  USE_ONCE,
]
