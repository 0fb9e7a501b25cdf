/**
 * What runs inside Redis: each script is one step that nothing comes between.
 *
 * Keys, all in one slot: `{prefix}:head` a hash with the epoch and the count; below a root that a
 * flush renews, `log:<key>` a list of frames for each address; `order`, a stream with a mark for each
 * call that published: the id says its last sequence and the time, `k` for which keys, `b` how many
 * bytes; `evicted`, the last sequence that each address gave up; `kept`, questions for who comes later.
 */
import { RESOLVE_EPOCH } from './epoch.ts'
import { ENTRY_BYTES, EVICTION, MARK_BYTES, SLACK, SWEEP } from './evict.ts'

/** A script and the number that names it on a link. */
export interface Script {
  readonly name: string
  readonly text: string
}

/** Milliseconds that what is left of an idle hub outlives its logs. */
const AFTERLIFE_MS = 86_400_000

/** Events by which an address may overstep its bound at the most, so that many are given up at a time. */
const MAX_SURPLUS = 99

/** `00` to `99`, one behind another. */
const TWO_DIGITS = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0')).join('')

/**
 * Arguments of all scripts, in front of their own: prefix, run, a name for a new epoch, the epoch and
 * the newest sequence that this hub has seen, bounds.
 */
const FIRST = 9

/**
 * keys, a line each, (key, body)… → epoch, sequence of the last, (instances that listen)…
 *
 * What follows one another at the same key is stored and told in one step.
 */
export const PUBLISH: Script = script(
  'publish',
  `
if refused then return refused end
if lapsed then
  local _, tidy = pruning()
  tidy(0, ${SLACK})
end
local args, call, sub = ARGV, redis.call, string.sub
local answer, count, size, i = { epoch, seq }, 2, 0, ${FIRST + 1}
local line, on, began = 'id: ' .. epoch .. '-', prefix .. ':on:', bytes == 0
local most = maxEvents + math.min(maxEvents * ${SLACK}, ${MAX_SURPLUS})
if began then oldest = now end
-- Lua takes half a microsecond to write a number: all but two digits are written once for a hundred.
local digits, stem = '${TWO_DIGITS}', nil
local function framed(body)
  seq = seq + 1
  local rest = seq % 100
  if rest == 0 or not stem then stem = line .. (seq < 100 and '' or math.floor(seq / 100)) end
  if seq < 10 then return line .. seq .. '\\n' .. body end
  return stem .. sub(digits, rest * 2 + 1, rest * 2 + 2) .. '\\n' .. body
end
while args[i] do
  local key, run, length = args[i], 1, nil
  local log, frame = logs .. key, framed(args[i + 1])
  i = i + 2
  if args[i] ~= key then
    length = call('RPUSH', log, frame)
  else
    local frames = { frame }
    repeat
      run = run + 1
      frames[run] = framed(args[i + 1])
      i = i + 2
    until args[i] ~= key
    length = call('RPUSH', log, unpack(frames))
    frame = table.concat(frames)
  end
  if length == run then call('PEXPIRE', log, ttl) end
  events, size = events + run, size + #frame + run * ${ENTRY_BYTES}
  if length > most then
    local trim = pruning()
    trim(key, length - maxEvents)
  end
  local instances = call('PUBLISH', on .. key, frame)
  for _ = 1, run do
    count = count + 1
    answer[count] = instances
  end
end
local keys = args[${FIRST}]
size = size + #keys + ${MARK_BYTES}
bytes = bytes + size
call('XADD', order, seq .. '-' .. now, 'k', keys, 'b', size)
if began then call('PEXPIRE', order, ttl + ${AFTERLIFE_MS}) end
if due(${SLACK}) then
  local _, tidy = pruning()
  tidy(2 * (count - 2), ${SLACK})
end
save()
answer[2] = seq
return answer
`,
)

/** epoch (`EARLIEST` and `LATEST` are none), sequence, bytes, keys… → epoch, end, gap, done, frames… */
export const READ: Script = script(
  'read',
  `
${SWEEP}
local itsEpoch, place, room = ARGV[${FIRST}], tonumber(ARGV[${FIRST + 1}]), tonumber(ARGV[${FIRST + 2}])
sweep()
if itsEpoch == 'LATEST' then return { epoch, seq, '', 1 } end
local start, gap = 0, nil
if itsEpoch ~= 'EARLIEST' then start, gap = locate(itsEpoch, place) end
-- Where the first frame behind the start stands; nothing where there is none.
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
-- A log's next frame, and its sequence. Of many logs with large events each gets but a small part of the room.
local rows = {}
local function step(row)
  row.at = row.at + 1
  row.frame = row.list[row.at]
  if not row.frame and row.from then
    row.list, row.at = redis.call('LRANGE', row.log, row.from, row.from + row.wanted - 1), 1
    row.from, row.frame = row.list[row.wanted] and row.from + row.wanted, row.list[1]
    if row.frame then
      row.wanted = math.max(1, math.min(32, math.floor(room / #row.frame / #rows)))
    end
  end
  row.seq = row.frame and sequenceOf(row.frame) or math.huge
end
for i = ${FIRST + 3}, #ARGV do
  local key = ARGV[i]
  if itsEpoch ~= 'EARLIEST' and not gap then
    if lapsed and start < seq or tonumber(redis.call('ZSCORE', evicted, key) or forgotten) > start then gap = 'evicted' end
  end
  local from = find(logs .. key)
  if from then rows[#rows + 1] = { log = logs .. key, from = from, wanted = 1, at = 0, list = {} } end
end
for _, row in ipairs(rows) do step(row) end
local answer, used, none = { epoch, seq, gap or '', 1 }, 0, { seq = math.huge }
while true do
  local best = none
  for _, row in ipairs(rows) do
    if row.seq < best.seq then best = row end
  end
  local frame = best.frame
  if not frame then break end
  if used > 0 and used + #frame > room then
    answer[2], answer[4] = sequenceOf(answer[#answer]), 0
    break
  end
  used = used + #frame
  answer[#answer + 1] = frame
  step(best)
end
return answer
`,
)

/** epoch, sequence → epoch, end, whether all keys may have missed something, keys that have, (question, ms)… */
export const CATCH_UP: Script = script(
  'catch up',
  `
${SWEEP}
local start, gap = locate(ARGV[${FIRST}], tonumber(ARGV[${FIRST + 1}]))
sweep()
local kept, changed, all = prefix .. ':kept', {}, gap and 1 or 0
if lapsed and start < seq or forgotten > start then all = 1 end
if all == 0 then
  changed = redis.call('ZRANGEBYSCORE', evicted, '(' .. start, '+inf', 'LIMIT', 0, 5000)
  local known, read, from = {}, 0, start + 1
  for _, key in ipairs(changed) do known[key] = true end
  while from and read < 5000 and #changed < 5000 do
    local marks = redis.call('XRANGE', order, from, '+', 'COUNT', 100)
    for _, mark in ipairs(marks) do
      for key in string.gmatch(mark[2][2], '[^\\n]+') do
        if not known[key] then known[key] = true changed[#changed + 1] = key end
      end
    end
    read, from = read + #marks, marks[100] and '(' .. marks[100][1]
  end
  if from or #changed >= 5000 then all, changed = 1, {} end
end
redis.pcall('ZREMRANGEBYSCORE', kept, '-inf', now)
local questions = redis.call('ZRANGEBYSCORE', kept, '(' .. now, '+inf', 'WITHSCORES')
for i = 2, #questions, 2 do questions[i] = questions[i] - now end
return { epoch, seq, all, changed, questions }
`,
)

/**
 * channel → epoch, sequence, events, bytes. Sweeps, renews what would expire, and tells the head on the channel. A
 * server that takes no writes for now is alive all the same, but not one that has become a replica.
 */
export const KEEP_ALIVE: Script = script(
  'pulse',
  `
${SWEEP}
sweep()
for _, key in ipairs({ KEYS[1], order, evicted }) do
  local reply = redis.pcall('PEXPIRE', key, ttl + ${AFTERLIFE_MS})
  if type(reply) == 'table' and string.find(reply.err, 'READONLY', 1, true) then return reply end
end
redis.call('PUBLISH', ARGV[${FIRST}], 'head: ' .. epoch .. '-' .. seq)
return { epoch, seq, events, bytes }
`,
)

/** channel, message, question, milliseconds to keep it → how many hubs hear it. */
export const CONTROL_REQUEST: Script = script(
  'ask',
  `
local ms, kept = tonumber(ARGV[${FIRST + 3}]), prefix .. ':kept'
if ms > 0 then
  redis.call('ZADD', kept, now + ms, ARGV[${FIRST + 2}])
  if redis.call('PTTL', kept) < ms then redis.call('PEXPIRE', kept, ms) end
end
return redis.call('PUBLISH', ARGV[${FIRST}], ARGV[${FIRST + 1}])
`,
)

export const SCRIPTS: readonly Script[] = [PUBLISH, READ, CATCH_UP, KEEP_ALIVE, CONTROL_REQUEST]

function script(name: string, text: string): Script {
  return { name, text: RESOLVE_EPOCH + EVICTION + text }
}
