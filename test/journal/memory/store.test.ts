/** The store against a naive one: for any writes, reads and evictions, both return the same. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JournalBounds } from '../../../src/journal/event-store.ts'
import type { JournalEntry } from '../../../src/journal/journal.ts'
import { createEventStore } from '../../../src/journal/memory/store.ts'

/** What an entry costs beside its frame, in bytes. */
const ENTRY_BYTES = 320
/** What an address of one character costs beside its name. */
const ADDRESS_BYTES = 280
const KEYS = ['a', 'b', 'c', 'd']

interface Kept {
  readonly key: string
  readonly entry: JournalEntry
  readonly at: number
}

/** One list, searched from end to end. */
function naiveShelf({ maxEvents, maxAgeMs, maxBytes }: JournalBounds) {
  let kept: Kept[] = []
  const evicted = new Map<string, number>()
  return { put, expire, after, evictedAfter }

  function put(key: string, entry: JournalEntry, at: number): void {
    kept.push({ key, entry, at })
    const mine = kept.filter((one) => one.key === key)
    if (mine.length > maxEvents) evict(mine.slice(0, mine.length - maxEvents))
    while (size() > maxBytes) evict(kept.slice(0, 1))
    expire(at)
  }

  function expire(now: number): void {
    evict(kept.filter(({ at }) => now - at > maxAgeMs))
  }

  function evict(victims: readonly Kept[]): void {
    for (const { key, entry } of victims) {
      evicted.set(key, Math.max(evicted.get(key) ?? 0, entry.sequence))
    }
    kept = kept.filter((one) => !victims.includes(one))
  }

  function size(): number {
    const names = new Set(kept.map(({ key }) => key)).size * (ADDRESS_BYTES + 2)
    return kept.reduce((sum, { entry }) => sum + entry.frame.byteLength + ENTRY_BYTES, names)
  }

  function after(keys: readonly string[], sequence: number): JournalEntry[] {
    const mine = kept.filter(({ key, entry }) => keys.includes(key) && entry.sequence > sequence)
    return mine.map(({ entry }) => entry)
  }

  function evictedAfter(keys: readonly string[], sequence: number): boolean {
    return keys.some((key) => (evicted.get(key) ?? 0) > sequence)
  }
}

const bounds = fc.record({
  maxEvents: fc.integer({ min: 0, max: 12 }),
  maxAgeMs: fc.integer({ min: 0, max: 30 }),
  maxBytes: fc.integer({ min: 0, max: 12_000 }),
})

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      put: fc.constantFrom(...KEYS),
      size: fc.nat(600),
      skip: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ pass: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ read: fc.subarray(KEYS), back: fc.nat(40) }) },
)

test('a store keeps and evicts exactly the events that a naive one does', () => {
  fc.assert(
    fc.property(bounds, fc.array(step, { maxLength: 120 }), (limits, steps) => {
      const store = createEventStore(limits)
      const naive = naiveShelf(limits)
      let now = 0
      let sequence = 0
      for (const one of steps) {
        if ('put' in one) {
          sequence += one.skip
          const entry = { id: `e-${sequence}`, sequence, frame: new Uint8Array(one.size) }
          store.append(one.put, entry, now)
          naive.put(one.put, entry, now)
        } else if ('pass' in one) {
          now += one.pass
          store.expire(now)
          naive.expire(now)
        } else {
          const from = Math.max(0, sequence - one.back)
          expect([...store.readAfter(one.read, from)]).toEqual(naive.after(one.read, from))
          expect(store.evictedAfter(one.read, from)).toBe(naive.evictedAfter(one.read, from))
        }
      }
      expect([...store.readAfter(KEYS, 0)]).toEqual(naive.after(KEYS, 0))
    }),
    { numRuns: 1_000 },
  )
})

test('a store detects every address that lost events, and most addresses that lost none', () => {
  const store = createEventStore({ maxEvents: 10, maxAgeMs: 10, maxBytes: 67_108_864 })
  const frame = new Uint8Array(1)
  const lost = Array.from({ length: 320_000 }, (_, at) => `c:lost-${at}`)
  for (const [at, key] of lost.entries()) {
    store.append(key, { id: '', sequence: at + 1, frame }, at)
  }
  store.expire(1_000_000)
  expect(lost.filter((key) => !store.evictedAfter([key], 0))).toEqual([])
  expect(lost.filter((key, at) => !store.evictedAfter([key], at))).toEqual([])
  expect(store.evictedAfter(['c:lost-5'], 200_000)).toBe(false)
  const others = Array.from({ length: 2_000 }, (_, at) => [`c:other-${at}`])
  // 3 % by calculation. One floor for all would make it all of them.
  expect(others.filter((keys) => store.evictedAfter(keys, 0)).length).toBeLessThan(120)
})

test('a store counts the bytes of address names, and drops names within its bound', () => {
  const frame = new Uint8Array(1)
  const maxBytes = 1_000_000
  const store = createEventStore({ maxEvents: 1, maxAgeMs: 10, maxBytes })
  const long = 'k'.repeat(1_000)
  store.append(`${long}0`, { id: '', sequence: 1, frame }, 0)
  expect(store.size.bytes).toBe(1 + ENTRY_BYTES + ADDRESS_BYTES + 2 * 1_001)
  for (let at = 1; at < 10_000; at++) {
    store.append(`${long}${at}`, { id: '', sequence: at + 1, frame }, 0)
    expect(store.size.bytes <= maxBytes).toBe(true)
  }
  expect(store.size.events).toBeLessThan(500)
  expect(store.evictedAfter([`${long}1`], 0)).toBe(true)
  store.expire(11)
  expect(store.size).toEqual({ events: 0, bytes: 0 })
})

test('a cleared store is empty and can be used again', () => {
  const store = createEventStore({ maxEvents: 2, maxAgeMs: 10, maxBytes: 10_000 })
  const entry = { id: 'e-1', sequence: 1, frame: new Uint8Array(1) }
  store.append('a', entry, 0)
  store.clear()
  expect([...store.readAfter(KEYS, 0)]).toEqual([])
  store.append('a', { ...entry, id: 'e-2', sequence: 2 }, 5)
  store.expire(12)
  expect([...store.readAfter(KEYS, 0)].map(({ id }) => id)).toEqual(['e-2'])
})
