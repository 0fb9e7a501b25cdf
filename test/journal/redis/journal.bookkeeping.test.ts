/** For any publishes and any bounds, what Redis keeps, reports and counts is consistent. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AddressKeys, clientKey, EVERYONE, topicKey } from '../../../src/core/address.ts'
import type { Position } from '../../../src/core/cursor.ts'
import type { ReplayBatch } from '../../../src/journal/journal.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import {
  newPrefix,
  openRedisJournal,
  type RedisJournalHarness,
  redisForSuite,
} from '../../support/redis-journals.ts'

const KEYS = [EVERYONE, clientKey('alice'), clientKey('bob'), topicKey('news'), topicKey('snow')]

interface Planned {
  readonly keys: AddressKeys
  readonly size: number
  /** Whether it has a name, and is appended twice. */
  readonly isOnce: boolean
}

interface Published extends Position {
  readonly keys: readonly string[]
  readonly text: string
}

const event = fc.record({
  keys: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...KEYS) },
    { weight: 1, arbitrary: fc.shuffledSubarray(KEYS, { minLength: 2 }) },
  ),
  size: fc.oneof({ weight: 19, arbitrary: fc.nat(60) }, fc.nat(3_000)),
  isOnce: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.boolean()),
})
/** Consecutive calls; the events of one call are published together. */
const calls = fc.array(fc.array(event, { minLength: 1, maxLength: 60, size: 'max' }), {
  minLength: 1,
  maxLength: 10,
  size: 'max',
})
const bounds = fc.record({
  maxEvents: fc.constantFrom(0, 1, 3, 20, 1_000, 1_000, 1_000),
  maxBytes: fc.constantFrom(0, 2_000, 20_000, 1_000_000, 1_000_000, 1_000_000),
})
const batchBytes = fc.constantFrom(1, 5_000, 1_000_000)

describe.skipIf(REDIS_IS_MISSING)('the journal in Redis', () => {
  const redis = redisForSuite()

  test('drops nothing silently, delivers nothing twice, and counts what it stores', async () => {
    await fc.assert(
      fc.asyncProperty(
        calls,
        bounds,
        fc.nat(1_000),
        batchBytes,
        async (plan, limits, chance, bytes) => {
          const prefix = newPrefix()
          const harness = await openRedisJournal(redis, limits, [], prefix)
          const published = await publish(harness, plan)
          const from = published[chance % published.length]
          for (const keys of [KEYS, KEYS.slice(1, 3), KEYS.slice(4)]) {
            const wanted = published.filter(
              (one) =>
                keys.some((key) => one.keys.includes(key)) && one.sequence > (from?.sequence ?? 0),
            )
            const lost = await hasLost(prefix, keys, wanted)
            adds(await readAll(harness, keys, from?.id ?? '', bytes), wanted, lost)
          }
          await holds(prefix, limits)
          // Not all of them: a run that fast-check has interrupted goes on beside the next test.
          await harness.journal.close()
        },
      ),
      { numRuns: 40, interruptAfterTimeLimit: 15_000 },
    )
  })

  test.each([
    ['many addresses', 500, 1],
    ['one address', 1, 500],
  ])('uses no more memory for %s than it counts', async (_, addresses, each) => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    const before = await memory(prefix)
    for (let i = 0; i < addresses * each; i++) {
      await journal.append(clientKey(`client-${i % addresses}`), { data: 'x'.repeat(100) })
    }
    const [bytes] = (await redis.command('HMGET', `{${prefix}}:head`, 'bytes')) as [string]
    expect((await memory(prefix)) - before).toBeLessThanOrEqual(Number(bytes))
  })

  test('uses no more memory for an event with many addresses than it counts', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    const before = await memory(prefix)
    const keys = Array.from({ length: 100 }, (_, n) => clientKey(`client-${n}`))
    for (let i = 0; i < 5; i++) await journal.append(keys, { data: 'x'.repeat(100) })
    const [bytes] = (await redis.command('HMGET', `{${prefix}}:head`, 'bytes')) as [string]
    expect((await memory(prefix)) - before).toBeLessThanOrEqual(Number(bytes))
  })

  /** The memory of all keys as Redis reports it, plus about 60 bytes per key for its tables of keys. */
  async function memory(prefix: string): Promise<number> {
    const keys = (await redis.command('KEYS', `{${prefix}}*`)) as string[]
    let bytes = 60 * keys.length
    for (const key of keys) bytes += Number(await redis.command('MEMORY', 'USAGE', key))
    return bytes
  }

  async function publish({ journal }: RedisJournalHarness, plan: readonly (readonly Planned[])[]) {
    const published: Published[] = []
    for (const call of plan) {
      const stored = await Promise.all(
        call.map(async ({ keys, size, isOnce }, at) => {
          const text = `${published.length + at}:${'x'.repeat(size)}`
          const name = `${published.length + at}`
          const once = isOnce ? { name, digest: 'd', ttlMs: 600_000, connections: 0 } : undefined
          const [{ id, sequence }, again] = await Promise.all([
            journal.append(keys, { data: text }, once),
            once && journal.append(keys, { data: text }, once),
          ])
          if (again) expect(again.id).toBe(id)
          return { keys: [keys].flat(), text, id, sequence }
        }),
      )
      published.push(...stored)
    }
    return published
  }

  async function readAll(
    { journal }: RedisJournalHarness,
    keys: readonly string[],
    cursor: string,
    bytes: number,
  ) {
    const batches: ReplayBatch[] = []
    for (let at = cursor; ; at = batches.at(-1)?.end.id ?? '') {
      const batch = await journal.read(keys, at, bytes)
      batches.push(batch)
      if (batch.done) return batches
    }
  }

  /** Whether one of these addresses no longer has an event that was published there. */
  async function hasLost(
    prefix: string,
    keys: readonly string[],
    wanted: readonly Published[],
  ): Promise<boolean> {
    const logs = (await redis.command('KEYS', `{${prefix}}:*:log:*`)) as string[]
    for (const key of keys) {
      const log = logs.find((one) => one.endsWith(`:log:${key}`))
      const frames = log ? ((await redis.command('LRANGE', log, '0', '-1')) as string[]) : []
      const ids = new Set(frames.map((frame) => frame.slice(4, frame.indexOf('\n'))))
      if (wanted.some((one) => one.keys.includes(key) && !ids.has(one.id))) return true
    }
    return false
  }

  /** All expected events arrived once and in order; or only those that an address has kept, with a gap reported. */
  function adds(
    batches: readonly ReplayBatch[],
    wanted: readonly Published[],
    lost: boolean,
  ): void {
    const entries = batches.flatMap((batch) => batch.entries)
    const gapReported = batches.some(({ gap }) => gap !== undefined)
    expect(
      gapReported,
      'a gap is reported where an address has lost something, and only there',
    ).toBe(lost)
    if (!lost) expect(entries).toHaveLength(wanted.length)
    const kept = new Set(entries.map(({ id }) => id))
    const expected = wanted.filter(({ id }) => kept.has(id))
    expect(entries.map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
    const decoder = new TextDecoder()
    expect(entries.map(({ frame }) => decoder.decode(frame))).toEqual(
      expected.map(({ id, text }) => `id: ${id}\ndata: ${text}\n\n`),
    )
  }

  /** The counts in the head are those of the logs and records, and within the bounds. */
  async function holds(
    prefix: string,
    limits: { readonly maxEvents: number; readonly maxBytes: number },
  ): Promise<void> {
    let events = 0
    let bytes = 0
    const logs = (await redis.command('KEYS', `{${prefix}}:*:log:*`)) as string[]
    for (const log of logs) {
      const frames = (await redis.command('LRANGE', log, '0', '-1')) as string[]
      expect(frames.length).toBeLessThanOrEqual(Math.floor(limits.maxEvents * (1 + 1 / 16)))
      events += frames.length
      for (const frame of frames) bytes += frame.length + 300
    }
    const [order = ''] = (await redis.command('KEYS', `{${prefix}}:*:records`)) as string[]
    const records = (await redis.command('ZRANGE', order, '0', '-1')) as string[]
    for (const record of records) bytes += record.length + 110
    const head = await redis.command('HMGET', `{${prefix}}:head`, 'events', 'bytes')
    expect(head).toEqual([`${events}`, `${bytes}`])
    expect(bytes).toBeLessThanOrEqual(limits.maxBytes)
  }
})
