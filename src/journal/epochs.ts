/** What every script in Redis does first: it settles the epoch, and knows how to give up what is due. */

/** What an entry costs Redis beside its key and its body, roughly as MEMORY USAGE tells. */
export const ENTRY_BYTES: number = 200

/** Addresses of which it is remembered what they gave up. */
const MAX_REMEMBERED = 100_000

/**
 * Settles the epoch. Another server than the one that wrote last may have lost the tail (a restart, a
 * failover): then a new epoch goes on from what is left, and `lineage` says up to where cursors of
 * older ones hold. Where a hub has seen more than that, the tail is known to be lost, and who has not
 * seen it missed it: a `!` says so of all cursors up to now. A server without a head was flushed or
 * replaced, and no cursor holds.
 */
export const SETTLE: string = `
local prefix, run, fresh, seenEpoch, seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local maxEvents, maxAge, maxBytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local head = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'run', 'root', 'bytes', 'oldest', 'forgotten', 'lineage')
local epoch, seq, root, lineage = head[1], tonumber(head[2]), head[4], head[8]
local bytes, oldest, forgotten = tonumber(head[5]), tonumber(head[6]), tonumber(head[7])

local function heldTo(itsEpoch)
  local upTo, torn = string.match(';' .. lineage, ';' .. itsEpoch .. ':(%d+)(!?);')
  return tonumber(upTo), torn == '!'
end

local function begin(torn)
  lineage = epoch .. ':' .. seq .. ';' .. lineage
  if torn then lineage = string.gsub(lineage, '!?;', '!;') end
  lineage = string.sub(lineage, 1, 1000)
  epoch = fresh
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'run', run, 'lineage', lineage)
end

if not epoch then
  epoch, seq, root, bytes, oldest, forgotten = fresh, 0, fresh, 0, now, 0
  lineage = seenEpoch ~= '' and seenEpoch .. ':0!;' or ''
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', 0, 'run', run, 'root', root, 'bytes', 0,
    'oldest', now, 'forgotten', 0, 'lineage', lineage)
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
local order, evicted = base .. 'order', base .. 'evicted'

-- Remembers up to where each address lost something; beyond the bound, only up to where any did.
local function remember(losses)
  redis.call('ZADD', evicted, 'GT', unpack(losses))
  local surplus = redis.call('ZCARD', evicted) - ${MAX_REMEMBERED}
  if surplus <= 0 then return end
  local gone = redis.call('ZPOPMIN', evicted, surplus)
  forgotten = math.max(forgotten, tonumber(gone[#gone]))
end

-- Gives up the oldest of one address. What frees memory comes first, here and below: without any to
-- spare, Redis lets a script write once it has begun to.
local function trim(log, key, count)
  local rows, ids = redis.call('XRANGE', log, '-', '+', 'COUNT', count), {}
  for i, row in ipairs(rows) do
    ids[i] = row[1]
    bytes = bytes - #key - #row[2][2] - ${ENTRY_BYTES}
  end
  local last = string.match(ids[#ids], '^%d+')
  redis.call('XTRIM', log, 'MINID', last + 1)
  redis.call('XDEL', order, unpack(ids))
  remember({ last, key })
end

-- Gives up the oldest of all, up to a limit at a time. With slack it waits until many are due.
local function tidy(limit, slack)
  if bytes <= maxBytes and now - oldest <= maxAge + maxAge * slack then return end
  local room = bytes > maxBytes and maxBytes - math.floor(maxBytes * slack) or maxBytes
  local marks = redis.call('XRANGE', order, '-', '+', 'COUNT', limit)
  local last, losses, due = {}, {}, 0
  oldest = now
  for i, mark in ipairs(marks) do
    local at = tonumber(string.match(mark[1], '%d+$'))
    if bytes <= room and now - at <= maxAge then oldest = at break end
    due = i
    bytes = bytes - mark[2][4]
    last[mark[2][2]] = string.match(mark[1], '^%d+')
  end
  if due == #marks and due < limit then bytes = 0 elseif due == limit then oldest = 0 end
  if due == 0 then return end
  redis.call('XTRIM', order, 'MINID', string.match(marks[due][1], '^%d+') + 1)
  for key, sequence in pairs(last) do
    redis.call('XTRIM', base .. 'a:' .. key, 'MINID', sequence + 1)
    losses[#losses + 1] = sequence
    losses[#losses + 1] = key
  end
  remember(losses)
end

local function save()
  redis.call('HSET', KEYS[1], 'seq', seq, 'bytes', bytes, 'oldest', oldest, 'forgotten', forgotten)
end

-- A Redis without memory to spare refuses to write, and must be read all the same.
local function sweep()
  pcall(function()
    tidy(1000, 0)
    save()
  end)
end

local function locate(itsEpoch, place)
  if itsEpoch == epoch and place <= seq then return place end
  local upTo, torn = heldTo(itsEpoch)
  if upTo and place <= upTo and not torn then return place end
  return math.min(place, upTo or 0), 'epoch'
end
`
