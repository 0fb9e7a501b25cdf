/** Reads wait for their turn and for a connection, in order, and none is lost with its connection. */
import { expect, test } from 'vitest'
import { positionOf } from '../../../src/core/cursor.ts'
import type { ReplayBatch } from '../../../src/journal/journal.ts'
import type { RedisConnection } from '../../../src/journal/redis/connection.ts'
import { createReads } from '../../../src/journal/redis/reads.ts'
import { usedHeap } from '../../support/used-heap.ts'

interface Run {
  readonly keys: readonly string[]
  readonly args: readonly string[]
  readonly target: RedisConnection | undefined
  resolve(reply: unknown): void
  reject(error: Error): void
}

const connectionWith = (closed: boolean) => ({ closed }) as RedisConnection

/** Reads whose replies the test sends. */
function recordedReads() {
  const runs: Run[] = []
  const state: { connection: RedisConnection | undefined } = { connection: connectionWith(false) }
  const reads = createReads({
    connection: () => state.connection,
    run: (keys, args, target) =>
      new Promise((resolve, reject) => runs.push({ keys, args, target, resolve, reject })),
  })
  const cursors = () => runs.map(({ args }) => Number(args[1]))
  const read = (sequence: number, isWanted?: () => boolean) =>
    reads.read(['a'], `e-${sequence}`, 100, isWanted)
  return { reads, runs, state, cursors, read }
}

const soon = () => new Promise((resolve) => setImmediate(resolve))
const reply = ['e', 9, '', 1]

test.each([
  ['e-5', ['e', '5']],
  [undefined, ['RETAINED', '0']],
  ['earliest', ['EARLIEST', '0']],
  ['nonsense', ['', '0']],
])('a read from %s says so', async (cursor, from) => {
  const { reads, runs } = recordedReads()
  for (let n = 0; n < 3; n++) {
    const batch = reads.read(['a', 'b'], cursor, 100)
    expect(runs[n]).toMatchObject({ keys: ['a', 'b'], args: [...from, '100', 'a', 'b'] })
    runs[n]?.resolve(cursor === undefined ? ['e', 9, 7, 1] : reply)
    expect(await batch).toEqual({
      entries: [],
      end: positionOf('e', 9),
      done: true,
      completeAfter: cursor === undefined ? 7 : undefined,
    })
  }
})

test('a batch of retained events is not read for a client that has left', async () => {
  const { reads, runs } = recordedReads()
  expect(await reads.retained(['a'], 0, 100, () => false)).toMatchObject({ entries: [] })
  const batch = reads.retained(['a'], 7, 100, () => true)
  expect(runs).toMatchObject([{ args: ['RETAINED', '7', '100', 'a'] }])
  runs[0]?.resolve(reply)
  expect(await batch).toEqual({ entries: [], done: true })
})

test('64 reads run at a time, and the others follow in order', async () => {
  const { runs, cursors, read } = recordedReads()
  const batches = Array.from({ length: 640 }, (_, n) => read(n))
  expect(runs).toHaveLength(64)
  for (let n = 0; n < 640; n++) {
    runs[n]?.resolve(reply)
    await soon()
    expect(runs.length).toBe(Math.min(n + 65, 640))
  }
  await Promise.all(batches)
  expect(cursors()).toEqual(Array.from({ length: 640 }, (_, n) => n))
})

test('reads that were made take no memory, even if others always wait', async () => {
  const answers: (() => void)[] = []
  const connection = connectionWith(false)
  const reads = createReads({
    connection: () => connection,
    run: () => new Promise((resolve) => answers.push(() => resolve(reply))),
  })
  const read = () => void reads.read(Array<string>(1_000).fill('a'), undefined, 100)
  for (let n = 0; n < 100; n++) read()
  const before = await usedHeap()
  for (let n = 0; n < 5_000; n++) {
    read()
    answers.shift()?.()
    await soon()
  }
  expect((await usedHeap()) - before).toBeLessThan(10_000_000)
})

test('reads wait for a connection', async () => {
  const { reads, runs, state, read } = recordedReads()
  const { connection } = state
  state.connection = undefined
  const batches = [read(1), read(2)]
  reads.resume()
  expect(runs).toEqual([])
  state.connection = connection
  reads.resume()
  expect(runs.map(({ target }) => target)).toEqual([connection, connection])
  for (const run of runs) run.resolve(reply)
  await Promise.all(batches)
})

test('reads that lost their connection are made again, before those that wait', async () => {
  const { runs, state, cursors, read } = recordedReads()
  const batches = Array.from({ length: 67 }, (_, n) => read(n))
  const next = connectionWith(false)
  Object.assign(state.connection ?? {}, { closed: true })
  state.connection = next
  runs[0]?.resolve(reply)
  runs[1]?.reject(new Error('closed'))
  await soon()
  expect(cursors().slice(64)).toEqual([0, 1])
  expect(runs.slice(64).map(({ target }) => target)).toEqual([next, next])
  for (let n = 0; n < runs.length; n++) {
    runs[n]?.resolve(reply)
    await soon()
  }
  await Promise.all(batches)
  expect(new Set(cursors()).size).toBe(67)
})

test('a read that Redis refuses fails, and the next one is made', async () => {
  const { runs, read } = recordedReads()
  const batches = Array.from({ length: 65 }, (_, n) => read(n))
  runs[0]?.reject(new Error('refused'))
  await expect(batches[0]).rejects.toThrow('refused')
  await soon()
  expect(runs).toHaveLength(65)
})

test('a client that has left gets an empty batch, and no read is made', async () => {
  const { runs, read } = recordedReads()
  const batch = await read(1, () => false)
  expect(batch).toEqual({ entries: [], end: { id: '-0', sequence: 0 }, done: true })
  expect(runs).toEqual([])
})

test('what is shared is taken from there, as long as it is shared', async () => {
  const { reads, runs, read } = recordedReads()
  const shared: ReplayBatch = { entries: [], end: positionOf('e', 3), done: true }
  const batches: Promise<ReplayBatch>[] = []
  const asked: unknown[] = []
  reads.share(
    (...args) => {
      asked.push(args)
      return args[1] === 'e-1' ? shared : undefined
    },
    () => batches.push(read(1), read(2)),
  )
  batches.push(read(1))
  expect(await batches[0]).toBe(shared)
  expect(asked).toEqual([
    [['a'], 'e-1', 100],
    [['a'], 'e-2', 100],
  ])
  expect(runs.map(({ args }) => args[1])).toEqual(['2', '1'])
})

test('reads that wait when the journal closes fail, and later ones, too', async () => {
  const { reads, runs, state, read } = recordedReads()
  const running = read(1)
  state.connection = undefined
  const waiting = read(2)
  reads.close()
  const refusal = {
    code: 'journal-unavailable',
    message: expect.stringContaining('The journal is closed:'),
  }
  await expect(waiting).rejects.toMatchObject(refusal)
  await expect(read(3)).rejects.toMatchObject(refusal)
  runs[0]?.resolve(reply)
  await expect(running).rejects.toMatchObject(refusal)
})

test('retained events that nobody waits for are not read without a connection, nor after its loss', async () => {
  const { reads, runs, state, read } = recordedReads()
  const first = { closed: false }
  state.connection = first as RedisConnection
  const listings = Array.from({ length: 65 }, () => reads.retained(['a'], 0, 100))
  const outcomes = Promise.allSettled(listings)
  const waiting = read(7)
  expect(runs.length).toBe(64)
  state.connection = undefined
  first.closed = true
  for (const run of runs.slice(0, 32)) run.resolve(reply)
  for (const run of runs.slice(32, 64)) run.reject(new Error('lost'))
  const lost = { status: 'rejected', reason: { code: 'journal-unavailable' } }
  expect(await outcomes).toMatchObject(Array(65).fill(lost))
  await expect(reads.retained(['a'], 0, 100)).rejects.toMatchObject(lost.reason)
  state.connection = connectionWith(false)
  reads.resume()
  runs.at(-1)?.resolve(reply)
  expect(await waiting).toMatchObject({ done: true })
})

test('retained events that nobody waits for are read before the queue', async () => {
  const { reads, runs, read } = recordedReads()
  for (let n = 0; n < 64; n++) void read(n)
  void read(100)
  void reads.retained(['a'], 0, 100)
  runs[0]?.resolve(reply)
  await soon()
  expect(runs.at(-1)?.args[0]).toBe('RETAINED')
})
