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

/** On a sorted set. member → removes it. */
export const REMOVE: Script = {
  name: 'remove',
  text: `return redis.call('ZREM', KEYS[1], ARGV[1])`,
}
