/** The memory journal: what it keeps, what it evicts, and that it reports exactly the right gaps. */
import { describe, expect, test } from 'vitest'
import { clientKey, EVERYONE, topicKey } from '../../../src/core/address.ts'
import type { DeliveredEvent, Journal, ReplayBatch } from '../../../src/journal/journal.ts'
import {
  createMemoryJournal,
  type MemoryJournalOptions,
} from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { recordingHandler } from '../../support/journal-handler.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')

function setUp(options: Omit<MemoryJournalOptions, 'clock'> = {}) {
  const clock = manualClock()
  const journal = createMemoryJournal({ clock, ...options })
  return { clock, journal, put, read }

  function put(key: string, ...data: string[]): string[] {
    return data.map((text) => {
      const entry = journal.append(key, { data: text })
      if (entry instanceof Promise) throw new Error('It answers at once.')
      return entry.id
    })
  }

  function read(keys: readonly string[], cursor: string, maxBytes = 1_000_000): ReplayBatch {
    return readNow(journal, keys, cursor, maxBytes)
  }
}

function readNow(
  journal: Journal,
  keys: readonly string[],
  cursor: string,
  maxBytes: number,
): ReplayBatch {
  const batch = journal.read(keys, cursor, maxBytes)
  if (batch instanceof Promise) throw new Error('It answers at once.')
  return batch
}

const idsOf = ({ entries }: ReplayBatch) => entries.map(({ id }) => id)

describe('an id', () => {
  test('is printable ASCII: an epoch, a dash, and a sequence that grows by one', () => {
    const { put } = setUp()
    const ids = put(EVERYONE, ...'abc')
    const [epoch] = ids[0]?.split('-') ?? []
    expect(epoch).toMatch(/^[0-9a-z]+$/)
    expect(ids).toEqual([`${epoch}-1`, `${epoch}-2`, `${epoch}-3`])
  })

  test('grows across all addresses', () => {
    const { journal, put } = setUp()
    put(ALICE, 'a')
    put(NEWS, 'b')
    const [id] = put(EVERYONE, 'c')
    expect(journal.head()).toEqual({ id, sequence: 3 })
  })

  test('belongs to another epoch after a restart', async () => {
    const clock = manualClock()
    const before = createMemoryJournal({ clock }).head().id
    await clock.advance(1)
    expect(createMemoryJournal({ clock }).head().id).not.toBe(before)
  })
})

describe('a delivery', () => {
  test('comes in order, with the frame that is stored', () => {
    const { journal, put, read } = setUp()
    const deliveries: DeliveredEvent[] = []
    journal.open(recordingHandler(deliveries))
    const ids = put(ALICE, 'a', 'b')
    expect(deliveries.map(({ keys, entry }) => [keys, entry?.id])).toEqual(
      ids.map((id) => [ALICE, id]),
    )
    expect(deliveries.map(({ frame }) => frame)).toEqual(
      read([ALICE], 'earliest').entries.map(({ frame }) => frame),
    )
  })
})

describe('a read', () => {
  test('finds what was missed at its addresses, and nothing at others', () => {
    const { journal, put, read } = setUp()
    const start = journal.head().id
    const [a] = put(ALICE, 'a')
    put(BOB, 'b')
    const [c] = put(EVERYONE, 'c')
    const [d] = put(NEWS, 'd')
    put(topicKey('sport'), 'e')
    const [f] = put(ALICE, 'f')
    expect(idsOf(read([EVERYONE, ALICE, NEWS], start))).toEqual([a, c, d, f])
    expect(idsOf(read([EVERYONE, ALICE, NEWS], c ?? ''))).toEqual([d, f])
    expect(read([ALICE], f ?? '')).toMatchObject({ entries: [], done: true, gap: undefined })
  })

  test('of all stored events starts with the earliest event, and is not a gap', () => {
    const { put, read } = setUp({ maxEvents: 2 })
    const [, b, c] = put(ALICE, 'a', 'b', 'c')
    const batch = read([ALICE], 'earliest')
    expect(idsOf(batch)).toEqual([b, c])
    expect(batch.gap).toBeUndefined()
  })

  test('returns batches of at least one entry each', () => {
    const { journal, put, read } = setUp()
    const start = journal.head().id
    const ids = put(ALICE, 'x'.repeat(500), 'a', 'b', 'c', 'x'.repeat(500), 'd')
    const batches: ReplayBatch[] = []
    for (let cursor = start; ; cursor = batches.at(-1)?.end.id ?? '') {
      const batch = read([ALICE], cursor, 100)
      batches.push(batch)
      expect(batch.entries.length).toBeGreaterThan(0)
      if (batch.done) break
    }
    expect(batches.flatMap(idsOf)).toEqual(ids)
    expect(batches.length).toBeGreaterThan(3)
    for (const { entries } of batches) {
      const bytes = entries.reduce((sum, { frame }) => sum + frame.byteLength, 0)
      expect(entries.length === 1 || bytes <= 100).toBe(true)
    }
    expect(batches.at(-1)?.end).toEqual(journal.head())
  })
})

describe('a bound', () => {
  test('on events applies to each address', () => {
    const { put, read } = setUp({ maxEvents: 3 })
    const [b] = put(BOB, 'b')
    const ids = put(ALICE, ...'12345')
    expect(idsOf(read([ALICE], 'earliest'))).toEqual(ids.slice(2))
    expect(idsOf(read([BOB], 'earliest'))).toEqual([b])
  })

  test('on age evicts older events, and keeps those exactly as old', async () => {
    const { clock, put, read } = setUp({ maxAgeMs: 1_000 })
    const [a] = put(ALICE, 'a')
    await clock.advance(1)
    const [b] = put(ALICE, 'b')
    await clock.advance(999)
    expect(idsOf(read([ALICE], 'earliest'))).toEqual([a, b])
    await clock.advance(1)
    expect(idsOf(read([ALICE], 'earliest'))).toEqual([b])
    await clock.advance(1)
    expect(idsOf(read([ALICE], 'earliest'))).toEqual([])
  })

  test('on bytes evicts the oldest event, whatever its address', () => {
    const { put, read } = setUp({ maxBytes: 10_000 })
    const keys = [ALICE, BOB, NEWS]
    const ids = Array.from({ length: 60 }, (_, i) => put(keys[i % 3] ?? ALICE, 'x'.repeat(300))[0])
    const kept = idsOf(read(keys, 'earliest'))
    expect(kept.length).toBeGreaterThan(5)
    expect(kept.length * 300).toBeLessThanOrEqual(10_000)
    expect(kept).toEqual(ids.slice(-kept.length))
  })

  test('of zero stores nothing, and reports a gap', () => {
    const { journal, put, read } = setUp({ maxEvents: 0 })
    const start = journal.head().id
    const [, b] = put(ALICE, 'a', 'b')
    expect(read([ALICE], start)).toMatchObject({ entries: [], done: true, gap: 'evicted' })
    expect(read([ALICE], b ?? '').gap).toBeUndefined()
  })
})

test('a journal that is closed keeps and delivers nothing', () => {
  const { journal, put, read } = setUp()
  const deliveries: DeliveredEvent[] = []
  journal.open(recordingHandler(deliveries))
  put(ALICE, 'a')
  void journal.close()
  expect(journal.stats).toMatchObject({ events: 0, bytes: 0 })
  expect(idsOf(read([ALICE], 'earliest'))).toEqual([])
  put(ALICE, 'b')
  expect(deliveries).toHaveLength(1)
})

test.each(['maxEvents', 'maxAgeMs', 'maxBytes'])('a negative %s is refused by name', (name) => {
  expect(() => createMemoryJournal({ [name]: -1 })).toThrow(
    expect.objectContaining({
      code: 'invalid-option',
      message: expect.stringMatching(new RegExp(`^${name} must`)),
    }),
  )
  expect(() => createMemoryJournal({ [name]: 0 })).not.toThrow()
})

test.each<[RegExp, object]>([
  [/createMemoryJournal has no option "maxAge"/, { maxAge: 60_000 }],
  [/maxEvents of createMemoryJournal must be a whole number/, { maxEvents: '1000' }],
  [/maxEvents of createMemoryJournal must be a whole number/, { maxEvents: 1.5 }],
  [/clock of createMemoryJournal must be a clock/, { clock: {} }],
  [/maxBytes must be between/, { maxBytes: -1 }],
])('an option that is misspelt, or of another kind, is refused: %s', (message, options) => {
  expect(() => createMemoryJournal(options)).toThrow(message)
  expect(() => createMemoryJournal(options)).toThrow(
    expect.objectContaining({ code: 'invalid-option' }),
  )
})
