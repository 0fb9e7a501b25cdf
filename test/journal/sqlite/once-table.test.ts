/** What was appended once is stored with its event or not at all, over restarts, and until it expires. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import type { Once } from '../../../src/journal/once.ts'
import { type Objects, startObjects } from '../../support/sqlite-journals.ts'

const ALICE = clientKey('alice')
const EVENT = { data: 'x' }

const onceOf = (name: string, fields: Partial<Once> = {}): Once => {
  return { name, digest: 'd', ttlMs: 600_000, connections: 2, ...fields }
}

describe('the journal in SQLite', () => {
  let objects: Objects
  beforeAll(async () => {
    objects = await startObjects()
  })
  afterAll(() => objects.close())

  test('returns the result of an event after a restart, although a new event gets a later position', async () => {
    const { journal, call } = await objects.open()
    const first = await journal.append(ALICE, EVENT, onceOf('a'))
    await call('restart')
    expect(await journal.append(ALICE, EVENT, onceOf('a'))).toEqual({ ...first, repeated: true })
    expect((await journal.append(ALICE, EVENT, onceOf('b'))).sequence).toBeGreaterThan(1_000_000)
    expect(await call('count', 'entries')).toBe(2)
  })

  test.each(['INSERT INTO once', 'INSERT INTO entries', 'UPDATE addresses', 'transaction'])(
    'stores neither the event nor its name if %j fails',
    async (statement) => {
      const { journal, call } = await objects.open()
      await journal.append(ALICE, { data: 'before' })
      await call('failStatements', statement)
      const failing = journal.append(ALICE, EVENT, onceOf('a'))
      await expect(failing).rejects.toMatchObject({ code: 'journal-unavailable' })
      await call('failStatements')
      expect([await call('count', 'entries'), await call('count', 'once')]).toEqual([1, 0])
      const first = await journal.append(ALICE, EVENT, onceOf('a'))
      expect(await journal.append(ALICE, EVENT, onceOf('a'))).toEqual({ ...first, repeated: true })
      expect([await call('count', 'entries'), await call('count', 'once')]).toEqual([2, 1])
      expect(journal.stats?.events).toBe(2)
    },
  )

  test('says that it is unavailable if a name can’t be looked for', async () => {
    const { journal, call } = await objects.open()
    await call('failStatements', 'FROM once')
    const failing = journal.append(ALICE, EVENT, onceOf('a'))
    await expect(failing).rejects.toMatchObject({ code: 'journal-unavailable' })
    expect((await journal.append(ALICE, EVENT)).sequence).toBe(1)
  })

  test('deletes expired names by an alarm when nothing is published', async () => {
    const harness = await objects.open({ maxAgeMs: 60_000 })
    const { journal, call, advance } = harness
    await journal.append(ALICE, EVENT, onceOf('a'))
    await advance(60_001)
    await call('prune')
    expect([await call('count', 'entries'), await call('count', 'once')]).toEqual([0, 1])
    expect(harness.alarm).toBe(harness.now + 600_000 - 60_001)
    await advance(600_000 - 60_001)
    await call('prune')
    expect(await call('count', 'once')).toBe(0)
    expect(harness.alarm).toBe(harness.now)
  })

  test('deletes them, too, if it stores no events', async () => {
    const harness = await objects.open({ maxEvents: 0 })
    await harness.journal.append(ALICE, EVENT, onceOf('a'))
    expect(harness.alarm).toBe(harness.now + 600_000)
  })

  test('refuses further names at its bound, and has room once some expire', async () => {
    const { journal, call, advance } = await objects.open()
    await journal.append(ALICE, EVENT, onceOf('first', { ttlMs: 1_000 }))
    await call('fillNames', 99_999)
    await expect(journal.append(ALICE, EVENT, onceOf('more'))).rejects.toMatchObject({
      code: 'at-capacity',
      message:
        'The limit of 100000 idempotency keys is reached, so the event was not published. Try again later.',
    })
    expect((await journal.append(ALICE, EVENT, onceOf('first'))).sequence).toBe(1)
    expect(await call('count', 'entries')).toBe(1)
    await journal.append(ALICE, EVENT)
    await advance(1_000)
    await journal.append(ALICE, EVENT, onceOf('more'))
    expect(await call('count', 'once')).toBe(100_000)
  })

  test('deletes at most 500 expired names at once, and the others by further alarms without a pause', async () => {
    const harness = await objects.open()
    const { journal, call, advance } = harness
    await call('fillNames', 1_200)
    await advance(600_000)
    const counts = []
    for (let alarm = 0; alarm < 3; alarm++) {
      await call('prune')
      counts.push([await call('count', 'once'), harness.alarm])
    }
    expect(counts.map(([count]) => count)).toEqual([700, 200, 0])
    expect(counts[1]).toEqual([200, harness.now])
    // One that is still there is no longer found.
    await call('fillNames', 1_200)
    await advance(600_000)
    await call('prune')
    expect((await journal.append(ALICE, EVENT, onceOf('other-1200'))).repeated).toBeUndefined()
  })

  test('reads and writes few rows for an event with a name, and none more for one without', async () => {
    const { journal, call } = await objects.open()
    const rowsOf = async (once?: Once) => {
      await call('rows')
      await journal.append(ALICE, EVENT, once)
      return (await call('rows')) as { read: number; written: number }
    }
    await rowsOf()
    const plain = await rowsOf()
    const keyed = await rowsOf(onceOf('a'))
    expect(keyed.written - plain.written).toBeLessThanOrEqual(2)
    expect(keyed.read - plain.read).toBeLessThanOrEqual(3)
    expect((await rowsOf(onceOf('a'))).written).toBe(0)
  })
})
