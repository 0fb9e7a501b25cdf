/**
 * Buckets: channels that addresses share by their hash, for hubs with too many addresses for a channel
 * each. Events are published there only while a hub uses buckets.
 */
/** The number of buckets: the largest prime below 65,536. */
const BUCKETS = 65_521

/** The factor of the hash. */
const FACTOR = 257

/** Milliseconds for which events are published to buckets after a hub has renewed its use. */
const USE_MS = 60_000

const encoder = new TextEncoder()

/** Returns the bucket of an address. */
export function bucketOf(key: string): number {
  let hash = 0
  for (const byte of encoder.encode(key)) hash = (hash * FACTOR + byte) % BUCKETS
  return hash
}

/** Lua: `publishToBucket` publishes the frames of an address, after its key, and returns how many hubs received them. */
export const PUBLISH_TO_BUCKET: string = `
local function publishToBucket(key, frames)
  local hash = 0
  for i = 1, #key do hash = (hash * ${FACTOR} + string.byte(key, i)) % ${BUCKETS} end
  return redis.call('PUBLISH', prefix .. ':bucket:' .. hash, key .. '\\n' .. frames)
end
`

/**
 * Lua: `bucketsUsed` is 1 if events are published to buckets, otherwise 0; `bucketsLapsed` is 1 if they
 * were not before this call, which renews the use if its last argument is 1.
 */
export const RENEW_BUCKETS: string = `
local bucketsUsed, bucketsLapsed = usesBuckets and 1 or 0, 0
if ARGV[#ARGV] == '1' then
  local reply = redis.pcall('HSET', KEYS[1], 'bucketsUntil', now + ${USE_MS})
  -- While Redis refuses to write, nothing is published either.
  if type(reply) ~= 'table' then bucketsUsed, bucketsLapsed = 1, 1 - bucketsUsed end
end
`
