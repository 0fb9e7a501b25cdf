/** The journal in SQLite sets alarms in time to evict what is too old, and not more often than needed. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { type Objects, startObjects } from '../../support/sqlite-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const ONCE = { name: 'a', digest: 'd', ttlMs: 600_000, connections: 2 }

describe('the journal in SQLite', () => {
  let objects: Objects
  beforeAll(async () => {
    objects = await startObjects()
  })
  afterAll(() => objects.close())

  test('evicts expired events by an alarm when nothing is published', async () => {
    const harness = await objects.open({ maxAgeMs: 60_000 })
    const { journal, call, advance } = harness
    const { id } = await journal.append(ALICE, { data: 'a' })
    expect(harness.alarm).toBe(harness.now + 60_001)
    await advance(30_000)
    await journal.append(BOB, { data: 'b' })
    const alarm = harness.alarm ?? 0
    await advance(30_001)
    expect(harness.now).toBe(alarm)
    await call('prune')
    expect(await call('count', 'entries')).toBe(1)
    expect(harness.alarm).toBe(alarm + 30_000)
    await advance(30_000)
    await call('prune')
    expect(await call('count', 'entries')).toBe(0)
    // Nothing is left to wake up for.
    expect(harness.alarm).toBe(harness.now)
    expect((await journal.read([ALICE], id, 1_000)).gap).toBeUndefined()
  })

  test('sets no alarm when it stores nothing', async () => {
    const harness = await objects.open({ maxEvents: 0 })
    const { id } = await harness.journal.append(ALICE, { data: 'a' })
    await harness.journal.append(ALICE, { data: 'b' })
    expect(harness.alarm).toBeNull()
    expect((await harness.journal.read([ALICE], id, 1_000)).gap).toBe('evicted')
  })

  test('sets few alarms, however much is published', async () => {
    const harness = await objects.open({ maxAgeMs: 60_000 })
    for (let i = 0; i < 120; i++) {
      await harness.journal.append(ALICE, { data: 'a' })
      if (harness.alarm !== null && harness.now >= harness.alarm) await harness.call('prune')
      await harness.advance(1_000)
    }
    expect(harness.alarms).toBeLessThan(15)
  })

  test.each(['alarm', 'alarm at once'])(
    'delivers an event, and sets the alarm with the next one, when the platform has refused one (%s)',
    async (failure) => {
      const harness = await objects.open()
      await harness.call('failStatements', failure)
      await harness.journal.append(ALICE, { data: 'a' })
      expect(harness.alarm).toBeNull()
      expect(harness.deliveries).toHaveLength(1)
      await harness.call('failStatements', '')
      await harness.journal.append(ALICE, { data: 'b' })
      expect(harness.alarm).toBeGreaterThan(harness.now)
    },
  )

  test('sets the alarm for when the next used name or stored request expires', async () => {
    const harness = await objects.open({ maxAgeMs: 10_000 })
    const { useOnce, request } = harness.journal.backplane
    const start = harness.now
    expect(await useOnce('ticket', 30_000)).toBe(true)
    expect(harness.alarm).toBe(start + 30_000)
    expect(await useOnce('ticket', 5_000)).toBe(false)
    await request('not stored', 0)
    expect(harness.alarm).toBe(start + 30_000)
    await request('stored', 20_000)
    expect(harness.alarm).toBe(start + 20_000)
    expect(await harness.call('count', 'expiring')).toBe(2)
    await harness.advance(20_000)
    await harness.call('prune')
    expect(harness.alarm).toBe(start + 30_000)
    await harness.advance(10_000)
    await harness.call('prune')
    expect(await harness.call('count', 'expiring')).toBe(0)
    expect(harness.alarms).toBe(3)
  })

  test('deletes at most 500 expired names at once, and the others by further alarms without a pause', async () => {
    const harness = await objects.open()
    const { journal, call, now, advance } = harness
    await call('fillUsedNames', now + 60_000, 1_200)
    // The other names that expire need no alarm before.
    await journal.append(ALICE, { data: 'a' }, ONCE)
    await advance(60_000)
    const counts = []
    for (let round = 0; round < 3; round++) {
      await call('prune')
      counts.push([await call('count', 'expiring'), (harness.alarm ?? 0) - harness.now])
    }
    expect(counts).toEqual([
      [700, 0],
      [200, 0],
      [0, expect.any(Number)],
    ])
    expect(counts[2]?.[1]).toBeGreaterThan(0)
  })

  test('sets another alarm when one is overdue', async () => {
    const harness = await objects.open({ maxAgeMs: 60_000 })
    await harness.journal.append(ALICE, { data: 'a' })
    const first = harness.now + 60_001
    await harness.advance(60_000)
    await harness.journal.append(ALICE, { data: 'b' })
    expect([harness.alarm, harness.alarms]).toEqual([first, 1])
    await harness.advance(1)
    await harness.journal.append(ALICE, { data: 'c' })
    // It is due, and about to fire.
    expect([harness.now, harness.alarm, harness.alarms]).toEqual([first, first, 1])
    await harness.advance(1)
    await harness.journal.append(ALICE, { data: 'd' })
    expect(harness.alarm).toBe(first + 60_000)
  })
})
