/** What is published in one turn goes to Redis in calls of limited size, and each event gets its own result. */
import { expect, test } from 'vitest'
import { frameText } from '../../../src/core/event.ts'
import { createPublishBatcher } from '../../../src/journal/redis/batch.ts'
import { manualClock } from '../../support/clock.ts'

/** A batcher, and the calls that it makes. By default Redis has stored all events of a call at once. */
function batching(store?: (args: readonly string[]) => Promise<unknown>) {
  const clock = manualClock()
  const calls: (readonly string[])[] = []
  const relayed: (() => void)[] = []
  let last = 0
  const batcher = createPublishBatcher({
    clock,
    relay: () => new Promise((resolve) => relayed.push(() => resolve({ instances: 1 }))),
    store: (args) => {
      calls.push(args)
      if (store) return store(args)
      const count = (args.length - 1) / 2
      last += count
      return Promise.resolve(['e', last, ...Array.from({ length: count }, (_, n) => 10 * n)])
    },
  })
  return { clock, calls, relayed, ...batcher }
}

/** Data whose frame has this many characters. */
const dataOf = (length: number) => 'x'.repeat(length - frameText({ data: '' }).length)

const sizes = (calls: readonly (readonly string[])[]) => calls.map((args) => (args.length - 1) / 2)

test('events of one turn go in one call, with each key once, and get their own results', async () => {
  const { clock, calls, append } = batching()
  const results = ['a', 'b', 'a'].map((key, n) => append(key, { data: `${n}` }))
  await clock.runPending()
  const [a, b, c] = [0, 1, 2].map((data) => frameText({ data: `${data}` }))
  expect(calls).toEqual([['a\nb', 'a', a, 'b', b, 'a', c]])
  expect(await Promise.all(results)).toEqual([
    { id: 'e-1', sequence: 1, instances: 0 },
    { id: 'e-2', sequence: 2, instances: 10 },
    { id: 'e-3', sequence: 3, instances: 20 },
  ])
  const later = append('a', { data: 'later' })
  await clock.runPending()
  expect(await later).toMatchObject({ id: 'e-4' })
  expect(sizes(calls)).toEqual([3, 1])
})

test.each([
  [128, [128]],
  [129, [128, 1]],
  [1_280, Array(10).fill(128)],
])('%i events go in calls of 128', async (count, expected) => {
  const { clock, calls, append } = batching()
  const results = Array.from({ length: count }, () => append('a', { data: 'x' }))
  await clock.runPending()
  expect(sizes(calls)).toEqual(expected)
  const sequences = (await Promise.all(results)).map(({ sequence }) => sequence)
  expect(sequences).toEqual(Array.from({ length: count }, (_, n) => n + 1))
})

test('a call has as many characters as it may, or a single event', async () => {
  const { clock, calls, append } = batching()
  for (const length of [200_000, 62_144, 100, 262_045, 600_000, 100]) {
    void append('a', { data: dataOf(length) })
  }
  await clock.runPending()
  expect(sizes(calls)).toEqual([2, 1, 1, 1, 1])
})

test('an event that is published while a full call is sent joins the next one', async () => {
  let isFirst = true
  const { clock, calls, append } = batching(async () => {
    if (isFirst) void append('a', { data: 'late' })
    isFirst = false
    return ['e', 1, 0]
  })
  for (let n = 0; n < 129; n++) void append('a', { data: 'x' })
  await clock.runPending()
  expect(sizes(calls)).toEqual([128, 2])
})

test.each(['stored', 'refused'])('events in flight are limited until they are %s', async (end) => {
  let finish: () => void = () => {}
  const { clock, append } = batching(
    () =>
      new Promise((resolve, reject) => {
        finish = () => (end === 'stored' ? resolve(['e', 1, 0]) : reject(new Error(end)))
      }),
  )
  const full = append('a', { data: dataOf(67_108_864) })
  await expect(append('a', { data: '' })).rejects.toMatchObject({
    code: 'journal-unavailable',
    message: expect.stringContaining('more slowly'),
  })
  await clock.runPending()
  finish()
  await full.catch(() => {})
  const next = append('a', { data: dataOf(67_108_864) })
  await clock.runPending()
  finish()
  await expect(next.catch(({ message }: Error) => message)).resolves.toEqual(
    end === 'stored' ? { id: 'e-1', sequence: 1, instances: 0 } : 'refused',
  )
})

test('ephemeral events in flight count as well, and are limited', async () => {
  const { relay, append, relayed } = batching()
  const full = relay('a', { data: dataOf(67_108_864) })
  const tooMany = { code: 'journal-unavailable' }
  await expect(relay('a', { data: '' })).rejects.toMatchObject(tooMany)
  await expect(append('a', { data: '' })).rejects.toMatchObject(tooMany)
  relayed.shift()?.()
  expect(await full).toEqual({ instances: 1 })
  void relay('a', { data: '' })
  expect(relayed).toHaveLength(1)
})
