/** What every script in Redis does first: it settles the epoch, and knows where cursors hold. */

/**
 * Settles the epoch. Another server than the one that wrote last may have lost the tail (a restart, a
 * failover): then a new epoch goes on from what is left, and `lineage` says up to where cursors of
 * older ones hold. Where a hub has seen more than that, the tail is known to be lost, and who has not
 * seen it missed it: a `!` says so of all cursors up to now. A server without a head was flushed or
 * replaced, and no cursor holds.
 */
export const RESOLVE_EPOCH: string = `
local prefix, run, fresh, seenEpoch, seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local maxEvents, maxAge, maxBytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local head = redis.call('HMGET', KEYS[1],
  'epoch', 'seq', 'run', 'root', 'events', 'bytes', 'oldest', 'forgotten', 'lineage', 'age')
local epoch, seq, root, lineage = head[1], tonumber(head[2]), head[4], head[9]
local events, bytes, oldest = tonumber(head[5]), tonumber(head[6]), tonumber(head[7])
local forgotten, age = tonumber(head[8]), tonumber(head[10])

local function heldTo(itsEpoch)
  local upTo, torn = string.match(';' .. lineage, ';' .. itsEpoch .. ':(%d+)(!?);')
  return tonumber(upTo), torn == '!'
end

-- Where Redis refuses to write, what is left is read in the epoch that was: nothing new comes to it.
local refused
local function begin(torn)
  local older = epoch .. ':' .. seq .. ';' .. lineage
  if torn then older = string.gsub(older, '!?;', '!;') end
  older = string.sub(older, 1, 1000)
  local write = torn and redis.call or redis.pcall
  local reply = write('HSET', KEYS[1], 'epoch', fresh, 'run', run, 'lineage', older)
  if type(reply) == 'table' then refused = reply else epoch, lineage = fresh, older end
end

if not epoch then
  epoch, seq, root, events, bytes, oldest, forgotten, age = fresh, 0, fresh, 0, 0, now, 0, maxAge
  lineage = seenEpoch ~= '' and seenEpoch .. ':0!;' or ''
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', 0, 'run', run, 'root', root, 'events', 0,
    'bytes', 0, 'oldest', now, 'forgotten', 0, 'lineage', lineage, 'age', age)
elseif seenEpoch == epoch or seenEpoch == '' then
  local torn = seenEpoch == epoch and seen > seq
  if torn or head[3] ~= run then begin(torn) end
else
  local upTo, torn = heldTo(seenEpoch)
  if not upTo then lineage = seenEpoch .. ':0;' .. lineage end
  local news = not torn and seen > (upTo or 0)
  if news or head[3] ~= run then begin(news) end
end
local base = prefix .. ':' .. root .. ':'
local logs, order, evicted = base .. 'log:', base .. 'order', base .. 'evicted'

local function locate(itsEpoch, place)
  if itsEpoch == epoch and place <= seq then return place end
  local upTo, torn = heldTo(itsEpoch)
  if upTo and place <= upTo and not torn then return place end
  return math.min(place, upTo or 0), 'epoch'
end
`
