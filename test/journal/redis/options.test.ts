/** The options of a journal in Redis have defaults and bounds, and its errors say what happened. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { reasonOf, resolveRedisOptions } from '../../../src/journal/redis/options.ts'
import { manualClock } from '../../support/clock.ts'

const url = 'redis://localhost'

test('each option has a default', () => {
  expect(resolveRedisOptions({ url })).toMatchObject({
    url,
    prefix: 'hono-sse',
    tag: '{hono-sse}',
    maxEvents: 1_000,
    maxAgeMs: 300_000,
    maxBytes: 67_108_864,
    acceptEviction: false,
    clock: systemClock,
    random: Math.random,
  })
})

test('each option can be set, and the tag names the database', () => {
  const options = {
    url: `${url}/3`,
    prefix: 'P_.:-9',
    maxEvents: 0,
    maxAgeMs: 0,
    maxBytes: 0,
    acceptEviction: true,
    clock: manualClock(),
    random: () => 0,
  }
  expect(resolveRedisOptions(options)).toMatchObject({ ...options, tag: '{P_.:-9}@3' })
})

test.each([
  ['maxEvents', -1],
  ['maxAgeMs', -1],
  ['maxBytes', -1],
  ['prefix', ''],
  ['prefix', 'p'.repeat(65)],
  ['prefix', 'p'.repeat(640)],
  ['prefix', ' p'],
  ['prefix', 'p '],
  ['prefix', 'p{'],
  ['url', 'http://localhost'],
])('%s of %j is refused', (name, value) => {
  expect(() => resolveRedisOptions({ url, [name]: value })).toThrow(
    expect.objectContaining({
      code: 'invalid-option',
      message: expect.stringMatching(new RegExp(`^${name} must be`)),
    }),
  )
})

test('a prefix may have 64 characters', () => {
  expect(resolveRedisOptions({ url, prefix: 'p'.repeat(64) }).tag).toBe(`{${'p'.repeat(64)}}`)
})

test('an observer is notified of what it observes', () => {
  const { observer } = resolveRedisOptions({ url, observer: {} })
  observer.connected?.(undefined)
  observer.disconnected?.(new Error('away'))
  observer.ignored?.(new Error('strange'))
  const seen: unknown[] = []
  const record = (what: unknown) => void seen.push(what)
  const recorded = resolveRedisOptions({
    url,
    observer: { connected: record, disconnected: record, ignored: record },
  }).observer
  const errors = [new Error('away'), new Error('strange')] as const
  recorded.connected?.('allkeys-lru')
  recorded.disconnected?.(errors[0])
  recorded.ignored?.(errors[1])
  expect(seen).toEqual(['allkeys-lru', ...errors])
})

const sha = '0a9f75e991483d02789696e4c90d26c10395863e'

test.each([
  [new Error('OOM command x'), 'refused (OOM command x)'],
  [new Error(`OOM command x. script: ${sha}, on @user_script:1.`), 'refused (OOM command x)'],
  [new Error(`OOM command x script: ${sha}\nmore`), 'refused (OOM command x)'],
  [new Error('OOM in script: a 1'), 'refused (OOM in script: a 1)'],
  [new Error('A TCP socket closed'), 'did not respond (A TCP socket closed)'],
  ['nothing', 'did not respond (nothing)'],
])('the reason of %j is that Redis %s', (error, reason) => {
  expect(reasonOf(error)).toBe(reason)
})

test.each<[RegExp, object]>([
  [/createRedisJournal has no option "acceptEvictions"/, { acceptEvictions: true }],
  [/acceptEviction of createRedisJournal must be true or false/, { acceptEviction: 'no' }],
  [/maxEvents of createRedisJournal must be a whole number/, { maxEvents: '10' }],
  [/maxEvents of createRedisJournal must be a whole number/, { maxEvents: 1.5 }],
  [/clock of createRedisJournal must be a clock/, { clock: {} }],
  [/observer of createRedisJournal has no option "conected"/, { observer: { conected() {} } }],
  [/url must be/, { url: undefined }],
])('a mistake is refused: %s', (message, options) => {
  const resolve = () => resolveRedisOptions({ url, ...options })
  expect(resolve).toThrow(message)
  expect(resolve).toThrow(expect.objectContaining({ code: 'invalid-option' }))
})
