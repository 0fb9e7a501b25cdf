/** The oracle finds each kind of broken promise, and nothing where all are kept. */
import { describe, expect, test } from 'vitest'
import { judge, type Published, type ReceivedEvent, type Tab } from './oracle.ts'

/** Event n was sent to everyone at time n and acknowledged half a millisecond later, as `e-n`. */
const sent = (n: number, more: Partial<Published> = {}): Published => ({
  data: `event ${n}`,
  address: '*',
  ephemeral: false,
  startedAt: n,
  acknowledgedAt: n + 0.5,
  ids: [`e-${n}`],
  ...more,
})

const got = (n: number, more: Partial<ReceivedEvent> = {}): ReceivedEvent => ({
  id: `e-${n}`,
  event: 'message',
  data: `event ${n}`,
  at: n + 0.4,
  ...more,
})

const ready = (resume: string, at: number, id?: string): ReceivedEvent => ({
  id,
  event: 'hub:ready',
  data: JSON.stringify({ resume }),
  at,
})

const gap = (requested: string, at: number, reason = 'evicted'): ReceivedEvent => ({
  id: undefined,
  event: 'hub:gap',
  data: JSON.stringify({ requested, reason }),
  at,
})

const OPENED = ready('fresh', 0, 'e-0')

/** A tab of alice: one stream for each list, each opened with the last id of those before. */
function tab(...events: ReceivedEvent[][]): Tab {
  let cursor: string | undefined
  const streams = events.map((received) => {
    const stream = { cursor, received }
    cursor = received.findLast(({ id }) => id !== undefined)?.id ?? cursor
    return stream
  })
  return { client: 'alice', topics: ['news', 'sport/*', 'art/**'], streams }
}

const kinds = (published: Published[], one: Tab) =>
  judge(published, [one]).findings.map(({ kind }) => kind)

describe('the oracle finds nothing when', () => {
  test.each<[string, Published[], Tab]>([
    ['everything arrives', [sent(1), sent(2)], tab([OPENED, got(1), got(2)])],
    [
      'a client reconnects and catches up',
      [sent(1), sent(2)],
      tab([OPENED, got(1)], [ready('complete', 3), got(2, { at: 3 })]),
    ],
    ['an event was sent before the first stream', [sent(1)], tab([ready('fresh', 2, 'e-1')])],
    ['an event is for others', [sent(1, { address: 'topic:sport' })], tab([OPENED])],
    ['no pattern covers a topic', [sent(1, { address: 'topic:sport/a/b' })], tab([OPENED])],
    [
      'an event that may not be stored is missing',
      [sent(1, { acknowledgedAt: undefined, ids: [] })],
      tab([OPENED]),
    ],
    ['an ephemeral event is missing', [sent(1, { ephemeral: true, ids: [] })], tab([OPENED])],
    [
      'a missing event is in a gap',
      [sent(1), sent(2)],
      tab([OPENED], [ready('gap', 3), gap('e-0', 3), got(2, { at: 3 })]),
    ],
    [
      'a journal goes on in another epoch',
      [sent(1), sent(2, { ids: ['f-2'] })],
      tab([OPENED, got(1)], [ready('complete', 3), got(2, { id: 'f-2' })]),
    ],
    [
      'events are repeated after a change of epoch',
      [sent(1)],
      tab([OPENED, got(1)], [ready('gap', 3), gap('e-1', 3, 'epoch'), got(1, { id: 'f-1' })]),
    ],
  ])('%s', (_, published, one) => {
    expect(kinds(published, one)).toEqual([])
  })
})

describe('the oracle finds', () => {
  test.each<[string, Published[], Tab, string[]]>([
    ['a lost event', [sent(1), sent(2)], tab([OPENED, got(2)]), ['lost']],
    ['a lost event that no later one follows', [sent(1)], tab([OPENED]), ['lost']],
    ['one that a pattern covers', [sent(1, { address: 'topic:sport/a' })], tab([OPENED]), ['lost']],
    ['one far below a pattern', [sent(1, { address: 'topic:art/a/b' })], tab([OPENED]), ['lost']],
    [
      'an event that a complete resumption skipped',
      [sent(1), sent(2)],
      tab([OPENED], [ready('complete', 3), got(2, { at: 3 })]),
      ['misreported'],
    ],
    [
      'an event that was lost before the cursor of a gap',
      [sent(1), sent(2), sent(3)],
      tab([OPENED, got(2)], [ready('gap', 4), gap('e-2', 4), got(3, { at: 4 })]),
      ['lost'],
    ],
    [
      'an event that was sent after a gap arrived',
      [sent(1), sent(3), sent(4)],
      tab([OPENED], [ready('gap', 2), gap('e-0', 2), got(4)]),
      ['lost'],
    ],
    ['a duplicated event', [sent(1)], tab([OPENED, got(1), got(1, { id: 'e-2' })]), ['duplicated']],
    [
      'an event that is repeated after a gap in the same epoch',
      [sent(1)],
      tab([OPENED, got(1)], [ready('gap', 3), gap('e-1', 3), got(1)]),
      ['misordered', 'duplicated'],
    ],
    [
      'an event that was sent once and arrives twice, stored or not',
      [sent(1, { acknowledgedAt: undefined, ids: [] })],
      tab([OPENED, got(1), got(1, { id: 'e-2' })]),
      ['duplicated'],
    ],
    [
      'an event for another client',
      [sent(1, { address: 'client:bob' })],
      tab([OPENED, got(1)]),
      ['leaked'],
    ],
    ['an event that nobody sent', [], tab([OPENED, got(1)]), ['leaked']],
    ['misordered events', [sent(1), sent(2)], tab([OPENED, got(2), got(1)]), ['misordered']],
    [
      'a cursor that goes back',
      [],
      tab([ready('fresh', 0, 'e-5'), got(4, { event: 'hub:beat' })]),
      ['misordered'],
    ],
    [
      'an order that publishers contradict',
      [sent(1, { ids: ['e-2'] }), sent(2, { ids: ['e-1'] })],
      tab([]),
      ['misordered'],
    ],
    ['an id that two events share', [sent(1), sent(2, { ids: ['e-1'] })], tab([]), ['duplicated']],
    [
      'an epoch that starts over without a gap',
      [],
      tab([ready('fresh', 0, 'e-5'), got(1, { id: 'f-1', event: 'hub:beat' })]),
      ['misordered'],
    ],
    [
      'a fresh stream despite a cursor',
      [],
      tab([OPENED], [ready('fresh', 1, 'e-0')]),
      ['misreported'],
    ],
    [
      'a gap that is announced and not reported',
      [],
      tab([OPENED], [ready('gap', 1), got(1, { event: 'hub:beat' })]),
      ['misreported'],
    ],
    [
      'a stored event without an id',
      [sent(1)],
      tab([OPENED, got(1, { id: undefined })]),
      ['misreported'],
    ],
  ])('%s', (_, published, one, expected) => {
    expect(kinds(published, one)).toEqual(expected)
  })

  test('a gap for evicted events that lost nothing', () => {
    const one = tab([OPENED, got(1)], [ready('gap', 2), gap('e-1', 2)])
    expect(judge([sent(1)], [one])).toMatchObject({ gaps: 1, needless: 1, findings: [] })
    expect(judge([sent(1), sent(1.5)], [one])).toMatchObject({ needless: 0, lostWithGap: 1 })
  })
})
