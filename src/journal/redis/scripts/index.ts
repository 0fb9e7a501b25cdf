/**
 * The Lua scripts that run inside Redis. Each runs atomically.
 *
 * All keys are in one hash slot. `{prefix}:head` is a hash with the epoch, the last sequence and the
 * size of the journal. `{prefix}:requests` is a sorted set of control requests for hubs that start
 * later, by expiry. `{prefix}:once` is about events that are stored once. The other keys start with `{prefix}:<root>:`, and a flushed Redis starts a new root.
 * `log:<key>` is the list of the frames of one address. `records` is a sorted set with one record per
 * call that published and of which an event is stored, by its last sequence: a line with that
 * sequence, the time and the bytes of the frames, then the keys, one per line. `evicted` is a sorted
 * set with the last evicted sequence of each address, and `floors` covers addresses beyond its limit.
 * The frame of an event for several addresses is in the list of each, and counts as an event there; so does
 * that of an event for a topic at the patterns that cover it, if patterns are followed.
 * `retained` and the two sorted sets below its name are described with its scripts.
 * `keyed:<key>\n<event key>` lists the sequences of the events with a key at an address.
 */

import { DISUSE_BUCKETS, RELAY, USE_BUCKETS } from './buckets.ts'
import { CONTROL_REQUEST, USE_ONCE } from './control.ts'
import { METADATA_TTL_MS, SWEEP } from './evict.ts'
import { KEYED_MARKER, PUBLISH_KEYED } from './keyed/publish-keyed.ts'
import { CHANGED_RETAINED, KEEP_RETAINED } from './keyed/retain.ts'
import { PATTERNS, USE_PATTERNS } from './patterns.ts'
import { PUBLISH } from './publish.ts'
import { ONCE } from './publish-once.ts'
import { READ, READ_EACH } from './read.ts'
import { FIRST, type Script, script } from './script.ts'
import { PUBLISH_SEVERAL, RELAY_SEVERAL, SEVERAL } from './several.ts'

/**
 * epoch, sequence, 1 to use patterns, 1 to use buckets → epoch, end, whether all keys may have missed
 * something, keys that have
 */
export const CATCH_UP: Script = script(
  'catch up',
  `
${SWEEP}
${CHANGED_RETAINED}
local start, gap = locate(ARGV[${FIRST}], tonumber(ARGV[${FIRST + 1}]))
sweep()
local changed, all = {}, gap and 1 or 0
${USE_PATTERNS}
-- Where they can't be used, those who follow them find out when they read.
if ARGV[${FIRST + 2}] == '1' and (usePatterns() or math.huge) > start then all = 1 end
if logsExpired and start < seq or expiredUpTo > start or evictionFloor > start then all = 1 end
if all == 0 then
  changed = redis.call('ZRANGEBYSCORE', evicted, '(' .. start, '+inf', 'LIMIT', 0, 5000)
  local known, read, from = {}, 0, start
  for _, key in ipairs(changed) do known[key] = true end
  local function add(key)
    if not known[key] then known[key] = true changed[#changed + 1] = key end
  end
  while from and read < 5000 and #changed < 5000 do
    local found = redis.call('ZRANGEBYSCORE', records, '(' .. from, '+inf', 'LIMIT', 0, 100)
    for _, record in ipairs(found) do
      for key in string.gmatch(record, '\\n([^\\n]+)') do
        add(key)
      end
      if #changed >= 5000 then break end
    end
    read, from = read + #found, found[100] and string.match(found[100], '^%d+')
  end
  if not changedRetained(start, add) or from or #changed >= 5000 then all, changed = 1, {} end
end
${USE_BUCKETS}
-- Again, those who listen to them find out when they read.
if ARGV[#ARGV] == '1' and useBuckets() then all, changed = 1, {} end
return { epoch, seq, all, changed }
`,
)

/**
 * channel → epoch, sequence, events, bytes, further copies of events ever stored; retained events, their bytes, and how
 * many were ever evicted. Sweeps, renews the keys that would expire, and publishes
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
${KEEP_RETAINED}
${DISUSE_BUCKETS}
local counts = redis.call('HMGET', KEYS[1], 'copies', 'retainedEvicted')
return { epoch, seq, events, bytes, tonumber(counts[1]) or 0, retainedCount, retainedBytes or 0, tonumber(counts[2]) or 0 }
`,
)

/** → epoch, sequence. From now on, all hubs publish to buckets. */
export const LISTEN_TO_BUCKETS: Script = script(
  'listen to buckets',
  `
${USE_BUCKETS}
local refused = useBuckets()
if refused then return refused end
return { epoch, seq }
`,
)

/** The ends of the names of the channels that every hub subscribes to, so that the scripts can count those that know them. */
export const CHANNELS: readonly string[] = [SEVERAL, PATTERNS, KEYED_MARKER]

/** The scripts of the journal, which a connection loads when it opens. */
export const SCRIPTS: readonly Script[] = [
  PUBLISH,
  PUBLISH_SEVERAL,
  PUBLISH_KEYED,
  ...ONCE.values(),
  READ,
  READ_EACH,
  CATCH_UP,
  KEEP_ALIVE,
  LISTEN_TO_BUCKETS,
  RELAY,
  RELAY_SEVERAL,
  CONTROL_REQUEST,
  USE_ONCE,
]
