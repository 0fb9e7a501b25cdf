/** The store against a naive one: for any writes, reads and evictions, both return the same. */
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { EventStore, JournalBounds, Keyed } from '../../../src/journal/event-store.ts'
import type { JournalEntry } from '../../../src/journal/journal.ts'
import { createEventStore } from '../../../src/journal/memory/store.ts'
import { usedHeap } from '../../support/used-heap.ts'

/** What an entry costs beside its frame, in bytes. */
const ENTRY_BYTES = 320
/** What an address of one character costs beside its name. */
const ADDRESS_BYTES = 280
const KEYS = ['a', 'b', 'c', 'd']
/** What a key of one character costs at an address of one, and each event with it. */
const GROUP_BYTES = 360 + 2 * 3
const KEYED_BYTES = 90

interface Kept {
  readonly key: string
  readonly entry: JournalEntry
  readonly at: number
  readonly eventKey: string | undefined
}

/** One list, searched from end to end. */
function naiveShelf({ maxEvents, maxAgeMs, maxBytes }: JournalBounds) {
  let kept: Kept[] = []
  const evicted = new Map<string, number>()
  return { put, expire, after, evictedAfter, size }

  function put(keys: readonly string[], entry: JournalEntry, at: number, event: Keyed): void {
    const { key: eventKey, replace } = event
    for (const key of keys) {
      if (replace) kept = kept.filter((one) => one.key !== key || one.eventKey !== eventKey)
      kept.push({ key, entry, at, eventKey })
      const mine = kept.filter((one) => one.key === key)
      if (mine.length > maxEvents) evict(mine.slice(0, mine.length - maxEvents))
    }
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
    const entries = [...new Set(kept.map(({ entry }) => entry))]
    const keyed = kept.filter(({ eventKey }) => eventKey !== undefined)
    const groups = new Set(keyed.map(({ key, eventKey }) => `${key} ${eventKey}`)).size
    return entries.reduce(
      (sum, { frame }) => sum + frame.byteLength,
      names + kept.length * ENTRY_BYTES + groups * GROUP_BYTES + keyed.length * KEYED_BYTES,
    )
  }

  function after(keys: readonly string[], sequence: number): JournalEntry[] {
    const mine = kept.filter(({ key, entry }) => keys.includes(key) && entry.sequence > sequence)
    return [...new Set(mine.map(({ entry }) => entry))]
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
      put: fc.oneof(fc.constantFrom(...KEYS), fc.shuffledSubarray(KEYS, { minLength: 2 })),
      size: fc.nat(600),
      skip: fc.integer({ min: 1, max: 3 }),
      event: fc.constantFrom<Keyed>(
        {},
        { key: 'x' },
        { key: 'y' },
        { key: 'x', replace: true },
        { key: 'y', replace: true },
      ),
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
          store.append(one.put, entry, now, one.event)
          naive.put([one.put].flat(), entry, now, one.event)
          expect(store.size.bytes).toBe(naive.size())
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
  const store = createEventStore({ maxEvents: 10, maxAgeMs: 10, maxBytes: 4_194_304 })
  const frame = new Uint8Array(1)
  const lost = Array.from({ length: 20_000 }, (_, at) => `c:lost-${at}`)
  for (const [at, key] of lost.entries()) {
    store.append(key, { id: '', sequence: at + 1, frame }, at)
  }
  store.expire(1_000_000)
  expect(lost.filter((key) => !store.evictedAfter([key], 0))).toEqual([])
  expect(lost.filter((key, at) => !store.evictedAfter([key], at))).toEqual([])
  expect(store.evictedAfter(['c:lost-5'], 12_500)).toBe(false)
  const others = Array.from({ length: 2_000 }, (_, at) => [`c:other-${at}`])
  // 3 % by calculation. One floor for all would make it all of them.
  expect(others.filter((keys) => store.evictedAfter(keys, 0)).length).toBeLessThan(120)
}, 60_000)

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
  expect(store.size).toMatchObject({ events: 0, bytes: 0 })
})

test('the bound on bytes is exact', () => {
  const frame = new Uint8Array(100)
  const three = 3 * (100 + ENTRY_BYTES) + ADDRESS_BYTES + 2
  for (const [maxBytes, kept] of [
    [three, 3],
    [three - 1, 2],
  ] as const) {
    const store = createEventStore({ maxEvents: 100, maxAgeMs: 10, maxBytes })
    for (let sequence = 1; sequence <= 30; sequence++) {
      store.append('a', { id: '', sequence, frame }, 0)
      expect(store.size.events).toBe(Math.min(sequence, kept))
    }
  }
})

/** Loses one event of each address, in this order. The sequences are such that a floor is above them. */
function loseAll(store: EventStore, keys: readonly string[], from = 0) {
  const frame = new Uint8Array(1)
  const lost = keys.map((key, at) => ({ key, sequence: 2 ** 24 + 2 * (from + at) + 1 }))
  for (const { key, sequence } of lost) {
    store.append(key, { id: '', sequence, frame }, 0)
    store.expire(11)
  }
  return { exact }

  /** The addresses whose last evicted sequence is still stored one by one. */
  function exact(): string[] {
    const stored = lost.filter(({ key, sequence }) => !store.evictedAfter([key], sequence))
    return stored.map(({ key }) => key)
  }
}

const names = (count: number) => Array.from({ length: count }, (_, at) => `c:${1_000_000 + at}`)

/** What an empty address of `names` costs. */
const EMPTY_BYTES = 100 + 2 * 9

test.each([1, 10])(
  'empty addresses take an eighth of the bytes, when there are %d times as many',
  (times) => {
    const bounds = { maxEvents: 1, maxAgeMs: 10 }
    const keys = names(times * 100)
    for (const [spare, count] of [
      [0, 100],
      [-8, 99],
    ] as const) {
      const store = createEventStore({ ...bounds, maxBytes: 8 * 100 * EMPTY_BYTES + spare })
      expect(loseAll(store, keys).exact()).toEqual(keys.slice(-count))
    }
  },
)

test('an empty address that receives an event makes room for another', () => {
  const store = createEventStore({
    maxEvents: 1,
    maxAgeMs: 10,
    maxBytes: 8 * 100 * EMPTY_BYTES,
  })
  const keys = names(100)
  const first = loseAll(store, keys)
  const sequence = 2 ** 24 + 201
  store.append('c:new', { id: '', sequence, frame: new Uint8Array(1) }, 0)
  // The new address has lost its event as soon as this one is stored.
  store.append(keys[50] ?? '', { id: '', sequence: 2 ** 25, frame: new Uint8Array(1) }, 100)
  expect(store.size.events).toBe(1)
  expect(first.exact()).toEqual(keys)
  expect(store.evictedAfter(['c:new'], sequence)).toBe(false)
})

test('a small store has few floors, so that most addresses seem to have lost an event', () => {
  const store = createEventStore({ maxEvents: 1, maxAgeMs: 10, maxBytes: 80_000 })
  loseAll(store, names(4_000))
  const others = Array.from({ length: 500 }, (_, at) => `c:other-${at}`)
  expect(others.filter((key) => store.evictedAfter([key], 0)).length).toBeGreaterThan(400)
})

test('a hundred thousand empty addresses are stored one by one, however many bytes are allowed', () => {
  const store = createEventStore({ maxEvents: 1, maxAgeMs: 10, maxBytes: 1e9 })
  const keys = names(100_001)
  const first = loseAll(store, keys.slice(0, 100_000))
  expect(first.exact()).toHaveLength(100_000)
  loseAll(store, keys.slice(100_000), 100_000)
  expect(first.exact()).toEqual(keys.slice(1, 100_000))
})

test('an address that has lost many events takes the room of those it has', async () => {
  const store = createEventStore({ maxEvents: 10, maxAgeMs: 10, maxBytes: 1e9 })
  const frame = new Uint8Array(1)
  const before = await usedHeap()
  for (let sequence = 1; sequence <= 300_000; sequence++) {
    store.append('a', { id: '', sequence, frame }, 0)
  }
  // The places of all events alone take 2.4 MB.
  expect((await usedHeap()) - before).toBeLessThan(1_000_000)
  // Used here, so that the store is not garbage above.
  expect(store.size.events).toBe(10)
})

test('an event that replaces the last of its key over and over takes the room of one, wherever others are', async () => {
  const store = createEventStore({ maxEvents: 1e6, maxAgeMs: 10, maxBytes: 1e9 })
  const frame = (size: number) => new Uint8Array(size)
  let sequence = 0
  const append = (size: number, event: Keyed = {}) => {
    sequence += 1
    store.append('a', { id: '', sequence, frame: frame(size) }, 0, event)
  }
  for (let n = 0; n < 1_000; n++) append(1)
  const before = await usedHeap()
  for (let n = 0; n < 100_000; n++) append(1_000, { key: 'price', replace: true })
  // The frames that were replaced take 100 MB.
  expect((await usedHeap()) - before).toBeLessThan(1_000_000)
  expect(store.size).toMatchObject({ events: 1_001, evicted: 0 })
  expect([...store.readAfter(['a'], 1_000)].map((one) => one.sequence)).toEqual([sequence])
})

test('events with a key that are evicted leave nothing behind', async () => {
  const store = createEventStore({ maxEvents: 10, maxAgeMs: 10, maxBytes: 1e9 })
  const append = (n: number) => {
    store.append('a', { id: '', sequence: n, frame: new Uint8Array(1) }, 0, { key: `key-${n}` })
  }
  for (let n = 1; n <= 20; n++) append(n)
  const { bytes } = store.size
  const before = await usedHeap()
  for (let n = 21; n <= 100_000; n++) append(n)
  expect((await usedHeap()) - before).toBeLessThan(1_000_000)
  // The names of the last keys are longer.
  expect(store.size.bytes - bytes).toBeLessThan(100)
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

test('a store counts what it evicts for each of its bounds, and says how large it may be', () => {
  const frame = new Uint8Array(100)
  const store = createEventStore({ maxEvents: 2, maxAgeMs: 10, maxBytes: 2_200 })
  const append = (key: string, sequence: number, at: number) =>
    store.append(key, { id: '', sequence, frame }, at)
  for (const sequence of [1, 2, 3]) append('a', sequence, 0)
  expect(store.size).toMatchObject({ events: 2, evicted: 1, maxBytes: 2_200 })
  append('b', 4, 5)
  append('c', 5, 5)
  expect(store.size).toMatchObject({ events: 3, evicted: 2 })
  store.expire(16)
  expect(store.size).toMatchObject({ events: 0, evicted: 5 })
})

test('beyond the bound of empty addresses, none is looked for past those that were forgotten', () => {
  const store = createEventStore({ maxEvents: 10, maxAgeMs: 1, maxBytes: 80_000 })
  const append = (n: number) => {
    store.append(`a${n}`, { id: `e-${n}`, sequence: n, frame: new Uint8Array(1) }, 2 * n)
  }
  for (let n = 1; n <= 1_000; n++) append(n)
  // Each new iterator of a map would walk over the holes at its start.
  const made = [
    vi.spyOn(Map.prototype, 'entries'),
    vi.spyOn(Map.prototype, 'keys'),
    vi.spyOn(Map.prototype, Symbol.iterator),
  ]
  onTestFinished(() => made.forEach((spy) => void spy.mockRestore()))
  for (let n = 1_001; n <= 2_000; n++) append(n)
  expect(made.map(({ mock }) => mock.calls.length)).toEqual([0, 0, 0])
  expect(store.evictedAfter(['a1'], 0)).toBe(true)
})
