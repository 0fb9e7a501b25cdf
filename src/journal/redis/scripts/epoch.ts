/** The start of every Lua script: resolves the epoch and defines how cursors are located. */

/**
 * The highest format of the keys that this version knows. A hub whose keys older versions would misread
 * writes a higher number to the head, and older versions refuse the journal. Without a number, the format
 * is 1.
 */
const MAX_FORMAT = 4

/** The lowest format in which events may be published to buckets as well. */
export const WITH_BUCKETS = 2

/** The lowest format in which events for topics may be stored and published at the patterns that cover them as well. */
export const WITH_PATTERNS = 3

/** The format while events are retained. */
export const WITH_RETAINED = 4

/**
 * Resolves the epoch. If another server wrote last, the latest writes may be lost
 * (a restart, a failover): a new epoch then continues from what is left, and `lineage` stores up
 * to which sequence cursors of older epochs are valid. If a hub has seen more than that, events are
 * known to be lost, and a client that has not received them missed them: a `!` in the lineage then
 * makes all cursors up to now lead to a gap. A server without the head was flushed or replaced, and
 * no cursor is valid.
 */
export const RESOLVE_EPOCH: string = `
local prefix, server, fresh, seenEpoch, seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local maxEvents, maxAge, maxBytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local maxRetainedBytes = tonumber(ARGV[9])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local head = redis.call('HMGET', KEYS[1],
  'epoch', 'seq', 'server', 'root', 'events', 'bytes', 'oldest', 'evictionFloor', 'lineage', 'age',
  'logs', 'expiredUpTo', 'nextAge', 'format', 'keyed',
  'retainedBytes', 'patternsAfter')
local format, hasKeyed, retainedBytes = head[14], head[15], tonumber(head[16])
local storedPatternsAfter = tonumber(head[17])
if format and tonumber(format) > ${MAX_FORMAT} then
  return redis.error_reply('FORMAT The journal has format ' .. format ..
    ', but this version of the hub knows formats up to ${MAX_FORMAT}: upgrade it, or choose another prefix.')
end
local epoch, seq, root, lineage = head[1], tonumber(head[2]), head[4], head[9]
local events, bytes, oldest = tonumber(head[5]), tonumber(head[6]), tonumber(head[7])
local evictionFloor, age = tonumber(head[8]), tonumber(head[10])
local expiredUpTo, nextAge = tonumber(head[12]) or 0, tonumber(head[13]) or 0

-- Up to which sequence cursors of an older epoch are valid, and whether events after it are lost.
local function validUpTo(olderEpoch)
  local upTo, lossy = string.match(';' .. lineage, ';' .. olderEpoch .. ':(%d+)(!?);')
  return tonumber(upTo), lossy == '!'
end

-- If Redis refuses to write, the old epoch continues for reads: nothing new is added to it.
local writeError
local function startEpoch(lossy)
  local older = epoch .. ':' .. seq .. ';' .. lineage
  if lossy then older = string.gsub(older, '!?;', '!;') end
  older = string.sub(older, 1, 1000)
  local write = lossy and redis.call or redis.pcall
  local reply = write('HSET', KEYS[1], 'epoch', fresh, 'server', server, 'lineage', older)
  if type(reply) == 'table' then writeError = reply else epoch, lineage = fresh, older end
end

if not epoch then
  epoch, seq, root, events, bytes, oldest, evictionFloor, age = fresh, 0, fresh, 0, 0, now, 0, maxAge
  lineage = seenEpoch ~= '' and seenEpoch .. ':0!;' or ''
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', 0, 'server', server, 'root', root, 'events', 0,
    'bytes', 0, 'oldest', now, 'evictionFloor', 0, 'lineage', lineage, 'age', age)
elseif seenEpoch == epoch or seenEpoch == '' then
  local lossy = seenEpoch == epoch and seen > seq
  if lossy or head[3] ~= server then startEpoch(lossy) end
else
  local upTo, known = validUpTo(seenEpoch)
  if not upTo then lineage = seenEpoch .. ':0;' .. lineage end
  local lossy = not known and seen > (upTo or 0)
  if lossy or head[3] ~= server then startEpoch(lossy) end
end
local base = prefix .. ':' .. root .. ':'
local logs, records = (head[11] or base) .. 'log:', base .. 'records'
local evicted, floors = base .. 'evicted', base .. 'floors'

-- The sequence to read from for a cursor, and 'epoch' if events after the cursor are lost.
local function locate(cursorEpoch, sequence)
  if cursorEpoch == epoch and sequence <= seq then return sequence end
  local upTo, lossy = validUpTo(cursorEpoch)
  if upTo and sequence <= upTo and not lossy then return sequence end
  return math.min(sequence, upTo or 0), 'epoch'
end
`
