/** Gaps: one is reported whenever a client missed an evicted event, and only then. */
import { describe, expect, test } from 'vitest'
import { clientKey, EVERYONE, topicKey } from '../../src/core/address.ts'
import type { GapReason } from '../../src/core/control-events.ts'
import { createMemoryJournal, type MemoryJournalOptions } from '../../src/journal/memory/journal.ts'
import { manualClock } from '../support/clock.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')

function setUp(options: Omit<MemoryJournalOptions, 'clock'> = {}) {
  const clock = manualClock()
  const journal = createMemoryJournal({ clock, ...options })
  return { clock, put, gap, head: () => journal.head().id }

  function put(key: string, count = 1): string {
    for (let i = 0; i < count; i++) void journal.append(key, { data: `${i}` })
    return journal.head().id
  }

  function gap(keys: readonly string[], cursor: string): GapReason | undefined {
    const page = journal.read(keys, cursor, 1_000_000)
    if (page instanceof Promise) throw new Error('It answers at once.')
    return page.gap
  }
}

describe('an eviction', () => {
  test('after the cursor is a gap, and at or before the cursor is not', () => {
    const { put, gap, head } = setUp({ maxEvents: 2 })
    const start = head()
    const first = put(ALICE)
    const second = put(ALICE)
    put(ALICE, 2)
    expect(gap([ALICE], start)).toBe('evicted')
    expect(gap([ALICE], first)).toBe('evicted')
    expect(gap([ALICE], second)).toBeUndefined()
  })

  test('at another address is not a gap for other clients', () => {
    const { put, gap, head } = setUp({ maxEvents: 2 })
    put(ALICE)
    const cursor = head()
    put(BOB, 100)
    put(ALICE)
    expect(gap([EVERYONE, ALICE], cursor)).toBeUndefined()
    expect(gap([EVERYONE, BOB], cursor)).toBe('evicted')
  })

  test('is reported to a client of several addresses, whichever of them it affects', () => {
    const { put, gap, head } = setUp({ maxEvents: 2 })
    const cursor = head()
    put(topicKey('news'), 3)
    put(ALICE)
    expect(gap([EVERYONE, ALICE, topicKey('news')], cursor)).toBe('evicted')
    expect(gap([EVERYONE, ALICE, topicKey('sport')], cursor)).toBeUndefined()
  })

  test('of everything at an address is still reported, and only to clients that missed it', async () => {
    const { clock, put, gap, head } = setUp({ maxAgeMs: 1_000 })
    const before = head()
    const last = put(ALICE, 3)
    await clock.advance(1_001)
    put(BOB)
    expect(gap([ALICE], before)).toBe('evicted')
    expect(gap([ALICE], last)).toBeUndefined()
    expect(gap([BOB], before)).toBeUndefined()
    put(ALICE)
    expect(gap([ALICE], before)).toBe('evicted')
    expect(gap([ALICE], last)).toBeUndefined()
  })

  test('is reported even if nothing was stored since, because a read evicts old events', async () => {
    const { clock, put, gap, head } = setUp({ maxAgeMs: 1_000 })
    const before = head()
    put(ALICE)
    await clock.advance(1_001)
    expect(gap([ALICE], before)).toBe('evicted')
  })

  test('at more addresses than the journal can track may be reported needlessly, and is never missed', async () => {
    const { clock, put, gap, head } = setUp({ maxAgeMs: 1_000 })
    const before = head()
    put(ALICE)
    for (let i = 0; i < 100_001; i++) put(clientKey(`${i}`))
    const after = head()
    await clock.advance(1_001)
    expect(gap([ALICE], before)).toBe('evicted')
    put(ALICE)
    expect(gap([ALICE], before)).toBe('evicted')
    expect(gap([ALICE], after)).toBeUndefined()
    expect(gap([clientKey('100000')], before)).toBe('evicted')
    expect(gap([clientKey('never seen')], after)).toBeUndefined()
  })
})

describe('a cursor', () => {
  test('at the current or an earlier sequence is recognized', () => {
    const { put, gap, head } = setUp()
    const start = head()
    const end = put(ALICE, 3)
    expect(gap([ALICE], start)).toBeUndefined()
    expect(gap([ALICE], end)).toBeUndefined()
  })

  test.each([
    ['of another epoch', (id: string) => id.replace(/^./, (first) => (first === 'a' ? 'b' : 'a'))],
    ['beyond the head', (id: string) => id.replace(/\d+$/, (digits) => `${Number(digits) + 1}`)],
    ['beyond any number', (id: string) => id.replace(/\d+$/, '9'.repeat(400))],
    ['that is negative', (id: string) => id.replace('-', '--')],
    ['that is not a whole number', (id: string) => `${id}.5`],
    ['followed by a line break', (id: string) => `${id}\n`],
    ['with a space before it', (id: string) => ` ${id}`],
    ['with an epoch only', (id: string) => id.replace(/\d+$/, '')],
    ['with a sequence only', (id: string) => id.replace(/^.*-/, '')],
    ['in another case', (id: string) => id.toUpperCase()],
    ['that is empty', () => ''],
    ['that is nonsense', () => '🙂'],
  ])('%s is unknown, which is a gap with the reason epoch', (_, forge) => {
    const { put, gap } = setUp()
    expect(gap([ALICE], forge(put(ALICE, 2)))).toBe('epoch')
  })
})
