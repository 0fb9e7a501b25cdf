/** Scripts for the set of instances and for stored requests. They do not touch the journal. */
import type { Script } from './script.ts'

/** Milliseconds after which an instance that was not seen is removed: it has no streams left. */
const FORGET_MS = 86_400_000

/**
 * On the sorted set of instances by when they were last seen. instance, ms, ms → how many instances
 * were seen within the first time, and within the second. Records that the instance is alive.
 */
export const MEMBERS: Script = {
  name: 'members',
  text: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.pcall('ZADD', KEYS[1], now, ARGV[1])
redis.pcall('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ${FORGET_MS})
redis.pcall('PEXPIRE', KEYS[1], ${FORGET_MS})
return {
  redis.call('ZCOUNT', KEYS[1], now - tonumber(ARGV[2]), '+inf'),
  redis.call('ZCOUNT', KEYS[1], now - tonumber(ARGV[3]), '+inf'),
}
`,
}

/** The maximum number of stored requests in one reply, and approximately of their bytes. */
const MAX_REQUESTS = 5_000
const MAX_REQUEST_BYTES = 1_048_576

/**
 * On the sorted set of stored requests by when they expire. The last request of the reply before and when
 * it expires, or 0 → the time, (request, when it expires)…: the next ones, none if there are no more. A
 * request comes twice if the last one was removed meanwhile.
 */
export const STORED_REQUESTS: Script = {
  name: 'stored requests',
  text: `
local last, expires, count = ARGV[1], ARGV[2], 0
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.pcall('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local from = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. expires)
if redis.call('ZSCORE', KEYS[1], last) == expires then from = redis.call('ZRANK', KEYS[1], last) + 1 end
from = math.max(from, redis.call('ZCOUNT', KEYS[1], '-inf', now))
local reply, room = { now }, ${MAX_REQUEST_BYTES}
local found = redis.call('ZRANGE', KEYS[1], from, from + ${MAX_REQUESTS - 1}, 'WITHSCORES')
for i = 1, #found, 2 do
  if room < 0 then break end
  room = room - #found[i]
  reply[i + 1], reply[i + 2] = found[i], found[i + 1]
end
return reply
`,
}

/** On a sorted set. member → removes it. */
export const REMOVE: Script = {
  name: 'remove',
  text: `return redis.call('ZREM', KEYS[1], ARGV[1])`,
}
