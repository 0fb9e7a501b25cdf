/** Which errors of Redis end a server before its first connection, and what is logged of them. */
import { expect, test, vi } from 'vitest'
import type { Logger } from '../../src/server/logger.ts'
import { isFinal, redisLogger } from '../../src/server/redis.ts'

function setUp() {
  const lines: string[] = []
  const on = (level: string) => (message: string, fields?: object) =>
    void lines.push(`${level} ${message.split(':')[0]} ${JSON.stringify(fields ?? {})}`)
  const [debug, info, warn, error, fatal] = ['debug', 'info', 'warn', 'error', 'fatal'].map(on)
  const log = { debug, info, warn, error, fatal, isEnabledFor: () => true } as Logger
  const [onReached, onRefused] = [vi.fn(), vi.fn()]
  return { lines, onReached, onRefused, ...redisLogger(log, { onReached, onRefused }) }
}

test('each reason of an outage is logged once, whatever comes between', () => {
  const { lines, disconnected, connected } = setUp()
  for (const reason of ['refused', 'refused', 'NOAUTH', 'refused', 'NOAUTH']) {
    disconnected?.(new Error(reason))
  }
  connected?.(undefined)
  disconnected?.(new Error('refused'))
  const [down, still] = ['error Redis unavailable', 'debug Redis still unavailable']
  expect(lines).toEqual([
    `${down} {"reason":"refused"}`,
    `${still} {"reason":"refused"}`,
    `${down} {"reason":"NOAUTH"}`,
    `${still} {"reason":"refused"}`,
    `${still} {"reason":"NOAUTH"}`,
    'info Redis connected {}',
    `${down} {"reason":"refused"}`,
  ])
})

test('an outage with ever new reasons logs the first twenty', () => {
  const { lines, disconnected } = setUp()
  for (let n = 0; n < 1_000; n++) disconnected?.(new Error(`port ${n}`))
  expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(20)
})

test('a Redis that comes up late and refuses is refused until it was connected once', () => {
  const { onReached, onRefused, disconnected, connected } = setUp()
  disconnected?.(new Error('connect ECONNREFUSED'))
  expect(onRefused).not.toHaveBeenCalled()
  disconnected?.(new Error('NOAUTH Authentication required.'))
  expect(onRefused.mock.calls).toEqual([['NOAUTH Authentication required.']])
  expect(onReached).not.toHaveBeenCalled()
  connected?.(undefined)
  expect(onReached).toHaveBeenCalledOnce()
  disconnected?.(new Error('NOAUTH Authentication required.'))
  expect(onRefused).toHaveBeenCalledOnce()
})

test.each([
  'NOAUTH Authentication required.',
  'WRONGPASS invalid username-password pair or user is disabled.',
  'NOPERM this user has no permissions to run the ’info’ command',
  'MOVED 3999 10.0.0.2:6379',
  'CROSSSLOT Keys in request don’t hash to the same slot',
  'ERR DB index is out of range',
  'ERR SELECT is not allowed in cluster mode',
  'ERR unknown command ’INFO’, with args beginning with: ',
  'The INFO of Redis lacks run_id or master_replid: connect to Redis or Valkey directly.',
  'FORMAT The journal has format 2, but this version of the hub knows formats up to 1',
  'The Sentinels know no primary named main.',
  'The package @redis/client can’t be loaded: install it beside hono-sse, with npm install @redis/client.',
])('%s is permanent', (reason) => expect(isFinal(reason)).toBe(true))

test.each([
  'connect ECONNREFUSED 127.0.0.1:6379',
  'LOADING Redis is loading the dataset in memory',
  'CLUSTERDOWN The cluster is down',
  'OOM command not allowed when used memory > maxmemory.',
  'Redis is a replica: connect to its primary.',
  'Redis may evict events: its maxmemory-policy is allkeys-lru.',
])('%s is temporary', (reason) => expect(isFinal(reason)).toBe(false))
