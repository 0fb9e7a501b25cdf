/**
 * Buckets: channels that addresses share by their hash, for hubs with too many addresses for a channel
 * each. Events are published there only while a hub listens to buckets. Such a hub subscribes to one more
 * channel, whose subscribers the scripts count, and writes the format `WITH_BUCKETS` to the head before it
 * reads the journal: versions that don't publish to buckets refuse that format.
 */
import { WITH_BUCKETS } from './epoch.ts'
import { METADATA_TTL_MS } from './evict.ts'
import { SKIPS_PATTERNS } from './patterns.ts'
import type { Script } from './script.ts'

/** The number of buckets: the largest prime below 65,536. */
const BUCKETS = 65_521

/** The factor of the hash. */
const FACTOR = 257

/** The end of the name of the channel that all hubs subscribe to that listen to buckets. Nothing is published there. */
export const MARKER = ':buckets'

/** The line before the frame of an event that is not stored begins with this. */
export const AFTER_LINE = ': after '

const encoder = new TextEncoder()

/** Returns the bucket of an address. */
export function bucketOf(key: string): number {
  let hash = 0
  for (const byte of encoder.encode(key)) hash = (hash * FACTOR + byte) % BUCKETS
  return hash
}

/** Lua: how many hubs listen to buckets. An error if the user may not ask. */
const COUNT_LISTENERS = `redis.pcall('PUBSUB', 'NUMSUB', prefix .. '${MARKER}')`

/**
 * Lua: `publishToBucket` publishes the frames of an address, after its key, and returns how many hubs
 * received them; `bucketOf` returns the channel. Both are nil unless a hub listens to buckets.
 */
export const PUBLISH_TO_BUCKET: string = `
local publishToBucket, bucketOf
if (tonumber(format) or 1) >= ${WITH_BUCKETS} then
  local listeners = ${COUNT_LISTENERS}
  if listeners.err or listeners[2] > 0 then
    function bucketOf(key)
      local hash = 0
      for i = 1, #key do hash = (hash * ${FACTOR} + string.byte(key, i)) % ${BUCKETS} end
      return prefix .. ':bucket:' .. hash
    end
    function publishToBucket(key, frames)
      return redis.call('PUBLISH', bucketOf(key), key .. '\\n' .. frames)
    end
  end
end
`

/**
 * Lua: `useBuckets` makes all hubs publish to buckets from now on, and returns an error if that is not possible. Without free
 * memory, Redis refuses HSET unless the script has written something before, and PEXPIRE needs no memory.
 */
export const USE_BUCKETS: string = `
local function useBuckets()
  if (tonumber(format) or 1) >= ${WITH_BUCKETS} then return nil end
  redis.pcall('PEXPIRE', KEYS[1], ttl + ${METADATA_TTL_MS})
  local reply = redis.pcall('HSET', KEYS[1], 'format', ${WITH_BUCKETS})
  return type(reply) == 'table' and reply or nil
end
`

/** Lua: lets versions in again that don't publish to buckets, once no hub listens to any. */
export const DISUSE_BUCKETS: string = `
if format == '${WITH_BUCKETS}' then
  local listeners = ${COUNT_LISTENERS}
  if listeners[2] == 0 then redis.pcall('HDEL', KEYS[1], 'format') end
end
`

/**
 * Lua: `placed(frame, seq)`: the frame of an event that is not stored, after a line that says after which stored event it was
 * published. Versions that don't know this line send it to clients as a comment.
 */
export const PLACED: string = `
local function placed(frame, seq)
  return seq and '${AFTER_LINE}' .. seq .. '\\n' .. frame or frame
end
`

/**
 * On the head. prefix, key (or those of a topic and of the patterns that cover it, one per line), frame → how many hubs
 * received the frame, which is not stored; at several keys, at least.
 */
export const RELAY: Script = {
  name: 'relay',
  text: `
local prefix, head = ARGV[1], redis.call('HMGET', KEYS[1], 'format', 'patternsAfter', 'seq')
local format, storedPatternsAfter = head[1], tonumber(head[2])
${PUBLISH_TO_BUCKET}
${SKIPS_PATTERNS}
${PLACED}
local frame, most = placed(ARGV[3], head[3]), 0
for key in string.gmatch(ARGV[2], '[^\\n]+') do
  if not skips(key) then
    local instances = redis.call('PUBLISH', prefix .. ':address:' .. key, frame)
    most = math.max(most, instances + (publishToBucket and publishToBucket(key, frame) or 0))
  end
end
return most
`,
}
