/**
 * What runs inside Redis: each script is one step that nothing comes between.
 *
 * Keys, all in one slot: `{prefix}:head` a hash with the epoch and the count; below a root that a
 * flush renews, `a:<key>` a stream for each address and `order`, a stream of all entries by age;
 * `evicted`, the last sequence that each address gave up; `kept`, questions for who comes later.
 * An entry's id is `<sequence>-<milliseconds>`, so that streams are ordered by sequence and know ages.
 */

import { ENTRY_BYTES, SETTLE } from './epochs.ts'

/** A script and the number that names it on a link. */
export interface Script {
  readonly name: string
  readonly text: string
}

/** Milliseconds that what is left of an idle hub outlives its events. */
const AFTERLIFE_MS = 86_400_000

/** The part by which bounds may be overstepped, so that many are given up at a time. */
const SLACK = 1 / 16

/** Entries of one address, and of all, that are given up at a time when events are published. */
const MAX_GIVEN_UP = 100

/**
 * Arguments of all scripts, in front of their own: prefix, run, a name for a new epoch, the epoch and
 * the newest sequence that this hub has seen, bounds.
 */
const FIRST = 9

/** (key, body)… → epoch, sequence of the last, (instances that listen)… */
export const PUBLISH: Script = script(
  'publish',
  `
local answer = { epoch, seq }
for i = ${FIRST}, #ARGV, 2 do
  local key, body = ARGV[i], ARGV[i + 1]
  seq = seq + 1
  local id, log, size = seq .. '-' .. now, base .. 'a:' .. key, #key + #body + ${ENTRY_BYTES}
  if bytes == 0 then oldest = now end
  bytes = bytes + size
  redis.call('XADD', log, id, 'f', body)
  redis.call('XADD', order, id, 'k', key, 'b', size)
  local surplus = redis.call('XLEN', log) - maxEvents
  if surplus > math.min(maxEvents * ${SLACK}, ${MAX_GIVEN_UP - 1}) then
    trim(log, key, math.min(surplus, ${MAX_GIVEN_UP}))
  end
  redis.call('PEXPIRE', log, maxAge + 60000)
  local frame = 'id: ' .. epoch .. '-' .. seq .. '\\n' .. body
  answer[#answer + 1] = redis.call('PUBLISH', prefix .. ':on:' .. key, frame)
end
tidy(${MAX_GIVEN_UP}, ${SLACK})
save()
answer[2] = seq
return answer
`,
)

/** epoch or `earliest` or `latest`, sequence, bytes, keys… → epoch, end, gap, done, (sequence, body)… */
export const READ: Script = script(
  'read',
  `
local itsEpoch, place, room = ARGV[${FIRST}], tonumber(ARGV[${FIRST + 1}]), tonumber(ARGV[${FIRST + 2}])
sweep()
if itsEpoch == 'latest' then return { epoch, seq, '', 1 } end
local start, gap = 0, nil
if itsEpoch ~= 'earliest' then start, gap = locate(itsEpoch, place) end
local rows = {}
for i = ${FIRST + 3}, #ARGV do
  local key = ARGV[i]
  if itsEpoch ~= 'earliest' and not gap then
    if tonumber(redis.call('ZSCORE', evicted, key) or forgotten) > start then gap = 'evicted' end
  end
  rows[#rows + 1] = { log = base .. 'a:' .. key, from = start + 1, at = 1, list = {} }
end
local function peek(row)
  if row.at > #row.list then
    if not row.from then return nil end
    row.list, row.at = redis.call('XRANGE', row.log, row.from, '+', 'COUNT', 32), 1
    local last = row.list[32]
    row.from = last and string.match(last[1], '^%d+') + 1
  end
  return row.list[row.at]
end
local answer, used = { epoch, seq, '', 1 }, 0
while true do
  local best, bestSeq
  for _, row in ipairs(rows) do
    local entry = peek(row)
    local s = entry and tonumber(string.match(entry[1], '^%d+'))
    if s and (not best or s < bestSeq) then best, bestSeq = row, s end
  end
  if not best then break end
  local entry = best.list[best.at]
  if now - string.match(entry[1], '%d+$') > maxAge then
    if itsEpoch ~= 'earliest' and not gap then gap = 'evicted' end
  else
    local body = entry[2][2]
    if used > 0 and used + #body > room then
      answer[2], answer[4] = answer[#answer - 1], 0
      break
    end
    used = used + #body
    answer[#answer + 1] = bestSeq
    answer[#answer + 1] = body
  end
  best.at = best.at + 1
end
answer[3] = gap or ''
return answer
`,
)

/** epoch, sequence → epoch, end, whether all keys may have missed something, keys that have, (question, ms)… */
export const CATCH_UP: Script = script(
  'catch up',
  `
local start, gap = locate(ARGV[${FIRST}], tonumber(ARGV[${FIRST + 1}]))
sweep()
local kept, changed, all = prefix .. ':kept', {}, gap and 1 or 0
if forgotten > start then all = 1 end
if all == 0 then
  changed = redis.call('ZRANGEBYSCORE', evicted, '(' .. start, '+inf', 'LIMIT', 0, 5000)
  local marks = redis.call('XRANGE', order, start + 1, '+', 'COUNT', 5000)
  local known = {}
  for _, key in ipairs(changed) do known[key] = true end
  for _, mark in ipairs(marks) do
    local key = mark[2][2]
    if not known[key] then known[key] = true changed[#changed + 1] = key end
  end
  if #marks == 5000 or #changed >= 5000 then all, changed = 1, {} end
end
redis.call('ZREMRANGEBYSCORE', kept, '-inf', now)
local questions = redis.call('ZRANGE', kept, 0, -1, 'WITHSCORES')
for i = 2, #questions, 2 do questions[i] = questions[i] - now end
return { epoch, seq, all, changed, questions }
`,
)

/**
 * channel → epoch, sequence, events, bytes. Sweeps, renews what would expire, and tells the head on the channel. A
 * server that takes no writes for now is alive all the same, but not one that has become a replica.
 */
export const PULSE: Script = script(
  'pulse',
  `
sweep()
for _, key in ipairs({ KEYS[1], order, evicted }) do
  local reply = redis.pcall('PEXPIRE', key, maxAge + ${AFTERLIFE_MS})
  if type(reply) == 'table' and string.find(reply.err, 'READONLY', 1, true) then return reply end
end
redis.call('PUBLISH', ARGV[${FIRST}], 'head: ' .. epoch .. '-' .. seq)
return { epoch, seq, redis.call('XLEN', order), bytes }
`,
)

/** channel, message, question, milliseconds to keep it → how many hubs hear it. */
export const ASK: Script = script(
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

export const SCRIPTS: readonly Script[] = [PUBLISH, READ, CATCH_UP, PULSE, ASK]

function script(name: string, text: string): Script {
  return { name, text: SETTLE + text }
}
