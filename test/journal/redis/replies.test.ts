/** What Redis replies, whichever its version. */
import { expect, test } from 'vitest'
import {
  createSizeReader,
  ephemeralIn,
  framesOf,
  idOf,
  textOf,
  toCatchUp,
  toCursor,
  toEntries,
  toReplayBatch,
  toScriptError,
} from '../../../src/journal/redis/replies.ts'

const SHA = '0a9f75e991483d02789696e4c90d26c10395863e'

test.each([
  // Redis 6.2, for a command that a script called, and for one that a script called with `pcall`.
  [`ERR Error running script (call to f_${SHA}): @user_script:1: @user_script: 1: -OOM command x.`],
  ['@user_script: 1: -OOM command x.'],
  ['@user_script: 12: OOM command x.'],
])('the error of a command in a script is found in %j', (message) => {
  expect(toScriptError(new Error(message)).message).toBe('OOM command x.')
})

test.each([
  [`OOM command x. script: ${SHA}, on @user_script:1.`],
  [
    `ERR Error running script (call to f_${SHA}): @user_script:1: @user_script: 1: Unknown Redis command`,
  ],
])('every other error stays as it is: %j', (message) => {
  const error = new Error(message)
  expect(toScriptError(error)).toBe(error)
})

const bytes = (text: string) => new TextEncoder().encode(text)

test('a message is split into its frames, whose ids are found', () => {
  const frames = ['id: e-1\ndata: a\ndata: b\n\n', 'event: x\ndata: c\n\n', '\n\n']
  const found = framesOf(bytes(`${frames.join('')}rest\n`))
  expect(found.map(textOf)).toEqual(frames)
  expect(found.map(idOf)).toEqual(['e-1', undefined, undefined])
  expect(framesOf(bytes('\n\nrest')).map(textOf)).toEqual(['\n\n'])
  expect(framesOf(bytes('no end'))).toEqual([])
})

test.each(['Id: e-1\n', 'ix: e-1\n', 'id; e-1\n', 'id:\te-1\n'])('%j has no id', (text) => {
  expect(idOf(bytes(text))).toBeUndefined()
})

test('an id is a cursor', () => {
  expect(toCursor('e-12')).toEqual({ epoch: 'e', sequence: 12 })
  expect(() => toCursor('nonsense')).toThrow('can’t be parsed')
})

test.each([
  ['', 1, undefined, true],
  ['evicted', 0, 'evicted', false],
])('a batch with the gap %j and the end %i is read', (gap, done, reason, isDone) => {
  const reply = ['f', 9, gap, done, 'id: e-7\ndata: a\n\n', 'id: f-8\ndata: b\n\n']
  const { entries, ...batch } = toReplayBatch(reply)
  expect(batch).toEqual({ end: { id: 'f-9', sequence: 9 }, done: isDone, gap: reason })
  expect(entries.map(({ id, sequence, frame }) => [id, sequence, textOf(frame)])).toEqual([
    ['f-7', 7, 'id: f-7\ndata: a\n\n'],
    ['f-8', 8, 'id: f-8\ndata: b\n\n'],
  ])
})

test('entries of a reading end with it', () => {
  const lists = [['id: e-7\n\n', 'id: e-8\n\n', 'id: e-9\n\n'], 0]
  const end = { id: 'e-8', sequence: 8 }
  const found = toEntries(['e', 9, ...lists], ['a', 'b'], end)
  expect([...found].map(([key, entries]) => [key, entries.map(({ id }) => id)])).toEqual([
    ['a', ['e-7', 'e-8']],
  ])
  expect(toEntries(['f', 9, ...lists], ['a', 'b'], end).size).toBe(0)
})

test('the size of the journal is read', () => {
  const read = createSizeReader({ maxRetainedBytes: 1_000 })
  expect(read(['e', 9, 2, 300, 0, 3, 200, 7])).toEqual({
    events: 2,
    bytes: 300,
    evicted: 0,
    retained: { events: 3, bytes: 200, maxBytes: 1_000, evicted: 0 },
  })
  expect(read(['e', 9, 2, 300, 0, 2, 150, 9]).retained.evicted).toBe(2)
})

test('events that have a sequence and are no longer stored count as evicted', () => {
  const read = createSizeReader({ maxRetainedBytes: 0 })
  const evicted = (sequence: number, events: number) =>
    read(['e', sequence, events, 0, 0, 0, 0, 0]).evicted
  expect(evicted(1_000, 100), 'before this process read the size').toBe(0)
  expect(evicted(1_010, 100)).toBe(10)
  expect(evicted(1_010, 0), 'by age').toBe(110)
  expect(evicted(1_005, 0), 'after a failover that lost five').toBe(110)
  expect(evicted(1_007, 0)).toBe(112)
  expect(evicted(0, 0), 'after Redis was flushed').toBe(112)
  expect(evicted(3, 2)).toBe(113)
})

test('an event counts as evicted at each of its addresses', () => {
  const read = createSizeReader({ maxRetainedBytes: 0 })
  const evicted = (sequence: number, events: number, copies: number) =>
    read(['e', sequence, events, 0, copies, 0, 0, 0]).evicted
  expect(evicted(10, 10, 0)).toBe(0)
  expect(evicted(11, 13, 2), 'one for three addresses is stored').toBe(0)
  expect(evicted(12, 12, 4), 'another one, and four are evicted').toBe(4)
})

test.each([
  [0, false],
  [1, true],
])('a hub missed events at the listed keys, and with %i at all others: %j', (all, others) => {
  const missed = toCatchUp(['e', 9, all, ['a']])
  expect(missed).toMatchObject({ end: { id: 'e-9' }, epoch: 'e', changed: ['a'] })
  expect([missed.affects('a'), missed.affects('b')]).toEqual([true, others])
})

test.each([
  [': after 12\ndata: x\n\n', { text: 'data: x\n\n', after: 12 }],
  // An older version has published it.
  ['data: x\n\n', { text: 'data: x\n\n', after: undefined }],
  [': topic a\ndata: x\n\n', { text: ': topic a\ndata: x\n\n', after: undefined }],
])(
  'an event that is not stored may say after which one it was published: %j',
  (message, expected) => {
    const { frame, after } = ephemeralIn(new TextEncoder().encode(message))
    expect({ text: new TextDecoder().decode(frame), after }).toEqual(expected)
  },
)
