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
    maxRetainedBytes: 1e6,
    clock,
    relay: () => new Promise((resolve) => relayed.push(() => resolve({ instances: 1 }))),
    relaySeveral: async (keys, body) => {
      calls.push([keys, body])
      return { instances: 2 }
    },
    store: (_, args) => storeAll(args),
  })
  return { clock, calls, relayed, ...batcher }

  async function storeAll(args: readonly string[]): Promise<unknown> {
    calls.push(args)
    if (store) return await store(args)
    const count = (args.length - 1) / 2
    last += count
    return ['e', last, ...Array.from({ length: count }, (_, n) => 10 * n)]
  }
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

test('after a call with many copies, the next one waits for its reply, and others do not', async () => {
  const replies: (() => void)[] = []
  const { clock, calls, append } = batching(
    (args) => new Promise((resolve) => replies.push(() => resolve(args))),
  )
  const many = Array.from({ length: 600 }, (_, n) => `${n}`)
  const firsts = () => calls.map(([, keys]) => keys?.split('\n').length)
  for (const keys of ['a', many, many, 'a', many]) void append(keys, { data: 'x' })
  await clock.runPending()
  expect(firsts()).toEqual([1, 600])
  replies[1]?.()
  await clock.runPending()
  expect(firsts()).toEqual([1, 600, 600])
  // What is published meanwhile joins the last call that waits.
  void append(['b', 'c'], { data: 'x' })
  replies[2]?.()
  await clock.runPending()
  expect(firsts()).toEqual([1, 600, 600, 1, 600])
  expect(calls.at(-1)).toHaveLength(5)
  void append('a', { data: 'x' })
  await clock.runPending()
  replies[4]?.()
  await clock.runPending()
  expect(firsts()).toEqual([1, 600, 600, 1, 600, 1])
})

test('a call with many copies that fails holds up nothing', async () => {
  const { clock, calls, append } = batching(async (args) => {
    if (args[0]?.includes('\n')) throw new Error('refused')
    return ['e', 1, 0]
  })
  const many = Array.from({ length: 600 }, (_, n) => `${n}`)
  const [first, last] = [append(many, { data: 'x' }), append('a', { data: 'x' })]
  const failed = expect(first).rejects.toThrow('refused')
  await clock.runPending()
  expect(calls).toHaveLength(2)
  await failed
  await last
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

test('events for several addresses go in calls of their own, in order, with each key once', async () => {
  const { clock, calls, append } = batching()
  const bodies = [0, 1, 2, 3].map((data) => frameText({ data: `${data}` }))
  const results = [['a', 'b'], ['b', 'c'], 'a', ['a', 'c']].map((keys, n) => {
    return append(keys, { data: `${n}` })
  })
  await clock.runPending()
  expect(calls).toEqual([
    ['a\nb\nc', 'a\nb', bodies[0], 'b\nc', bodies[1]],
    ['a', 'a', bodies[2]],
    ['a\nc', 'a\nc', bodies[3]],
  ])
  const ids = (await Promise.all(results)).map(({ id }) => id)
  expect(ids).toEqual(['e-1', 'e-2', 'e-3', 'e-4'])
})

test('what Redis refuses at several addresses fails none at a single one', async () => {
  const { clock, append } = batching(async ([, keys = '']) => {
    if (keys.includes('\n')) throw new Error('OLDER')
    return ['e', 1, 0]
  })
  const results = ['a', ['a', 'b'], 'a'].map((keys) => append(keys, { data: 'x' }))
  const settled = Promise.allSettled(results)
  await clock.runPending()
  expect((await settled).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
  ])
})

test('the copies of a call are limited, and those of an event in all', async () => {
  const { clock, calls, append } = batching()
  const keys = (count: number) => Array.from({ length: count }, (_, n) => `k${n}`)
  for (const count of [600, 400, 1, 1_000, 2]) {
    void append(keys(count), { data: dataOf(20) })
  }
  void append(keys(2), { data: dataOf(200_000) })
  void append(keys(2), { data: dataOf(20) })
  await clock.runPending()
  expect(sizes(calls)).toEqual([2, 1, 1, 1, 1, 1])
  const data = dataOf(67_109)
  await expect(append(keys(1_000), { data })).rejects.toMatchObject({ code: 'event-too-large' })
  void append(keys(1_000), { data: dataOf(67_108) })
  await clock.runPending()
  expect(calls).toHaveLength(7)
})

test('the copies of a call are limited, also those of topics at patterns', async () => {
  const { clock, calls, append } = batching()
  const patterns = Array.from({ length: 10 }, (_, n) => `p:a/${n}/**`)
  for (let n = 0; n < 200; n++) void append(['t:a/b', ...patterns], { data: 'x' })
  await clock.runPending()
  expect(sizes(calls)).toEqual([90, 90, 20])
})

test('an event for a topic goes with the patterns that cover it, in a call with those for other addresses', async () => {
  const { clock, calls, append } = batching()
  const bodies = [0, 1, 2].map((data) => frameText({ data: `${data}` }))
  const keys = ['c:x', ['t:a/b', 'p:a/*'], 't:a']
  const results = keys.map((one, n) => append(one, { data: `${n}` }))
  await clock.runPending()
  expect(calls).toEqual([
    ['c:x\nt:a/b\np:a/*\nt:a', 'c:x', bodies[0], 't:a/b\np:a/*', bodies[1], 't:a', bodies[2]],
  ])
  expect((await Promise.all(results)).map(({ id }) => id)).toEqual(['e-1', 'e-2', 'e-3'])
})

test('an ephemeral event for several addresses is relayed with all of their keys', async () => {
  const { calls, relay } = batching()
  expect(await relay(['a', 'b'], { data: 'x' })).toEqual({ instances: 2 })
  expect(calls).toEqual([['a\nb', 'data: x\n\n']])
})
