/** The pool starts workers, and replaces those that end, but not in a tight loop. */
import { expect, test } from 'vitest'
import { createWorkerPool } from '../../../src/server/workers/pool.ts'
import { manualClock } from '../../support/clock.ts'

/** A worker that does what the test says. */
interface FakeWorker {
  readonly name: string
  readonly stops: string[]
  killed: boolean
  listen(): void
  end(code: number | null, signal?: string): void
}

function setUp(count = 2) {
  const clock = manualClock()
  const workers: FakeWorker[] = []
  const log: string[] = []
  const ends: ((code: number | null, signal: string | null) => void)[] = []
  const pool = createWorkerPool({
    count,
    clock,
    log: { error: (message) => void log.push(`error: ${message}`), debug: () => {} },
    onUnusable: (code) => void log.push(`unusable: ${code}`),
    fork: () => ({
      send: () => {},
      onMessage: () => {},
      onEnd: (listener) => void ends.push(listener),
      kill: () => {},
    }),
    connect: (name, _, onListening) => {
      const index = workers.length
      const worker: FakeWorker = {
        name,
        stops: [],
        killed: false,
        listen: onListening,
        end: (code, signal) => ends[index]?.(code, signal ?? null),
      }
      workers.push(worker)
      return {
        stop: (signal) => void worker.stops.push(signal),
        close: () => {},
        kill: () => {
          worker.killed = true
          worker.end(null, 'SIGKILL')
        },
      }
    },
  })
  const names = () => workers.map(({ name }) => name)
  const last = () => workers.at(-1)
  const allListen = async () => {
    const started = pool.start()
    workers[0]?.listen()
    await clock.runPending()
    for (const worker of workers.slice(1)) worker.listen()
    return await started
  }
  return { pool, clock, workers, log, names, last, allListen }
}

test('the others start once the first one listens', async () => {
  const { pool, clock, workers, names } = setUp(3)
  const started = pool.start()
  await clock.runPending()
  expect(names()).toEqual(['1'])
  workers[0]?.listen()
  await clock.runPending()
  expect(names()).toEqual(['1', '2', '3'])
  for (const worker of workers) worker.listen()
  expect(await started).toBeUndefined()
})

test('what prevents the first one from listening prevents all', async () => {
  const { pool, clock, workers, names } = setUp()
  const started = pool.start()
  workers[0]?.end(2)
  expect(await started).toEqual({ code: 2, signal: null })
  await clock.advance(60_000)
  expect(names()).toEqual(['1'])
})

test('a worker that ends is replaced by one with its name, and that is logged', async () => {
  const { allListen, clock, workers, names, log } = setUp()
  await allListen()
  await clock.advance(90_000)
  workers[0]?.end(null, 'SIGKILL')
  await clock.advance(100)
  expect(names()).toEqual(['1', '2', '1'])
  expect(log).toEqual(['error: a worker has ended, and is replaced'])
})

test('one that ends again and again is replaced later each time, and logged once', async () => {
  const { allListen, clock, names, last, log } = setUp()
  await allListen()
  for (const delay of [100, 200, 400, 800]) {
    const before = names().length
    last()?.end(1)
    await clock.advance(delay - 1)
    expect(names()).toHaveLength(before)
    await clock.advance(1)
    expect(names()).toHaveLength(before + 1)
  }
  for (let n = 0; n < 20; n++) {
    last()?.end(1)
    await clock.advance(30_000)
  }
  expect(names()).toHaveLength(26)
  expect(log).toHaveLength(1)
  last()?.listen()
  await clock.advance(61_000)
  last()?.end(1)
  await clock.advance(100)
  expect(names()).toHaveLength(27)
  expect(log).toHaveLength(2)
})

test('a stop asks all workers, and none is replaced', async () => {
  const { allListen, pool, clock, workers, names } = setUp()
  await allListen()
  let stopped = false
  const stop = pool.stop('SIGTERM', 1_000).then(() => {
    stopped = true
  })
  expect(workers.map(({ stops }) => stops)).toEqual([['SIGTERM'], ['SIGTERM']])
  workers[0]?.end(0)
  await clock.advance(500)
  expect(stopped).toBe(false)
  workers[1]?.end(0)
  await stop
  await clock.advance(60_000)
  expect([names().length, clock.timers]).toEqual([2, 0])
})

test('a worker that has not ended in time is killed', async () => {
  const { allListen, pool, clock, workers } = setUp()
  await allListen()
  const stop = pool.stop('SIGINT', 1_000)
  workers[0]?.end(0)
  await clock.advance(1_000)
  await stop
  expect(workers.map(({ killed }) => killed)).toEqual([false, true])
})

test('a stop while the first one starts starts no others', async () => {
  const { pool, clock, workers, names } = setUp()
  const started = pool.start()
  const stop = pool.stop('SIGTERM', 1_000)
  workers[0]?.listen()
  await started
  workers[0]?.end(0)
  await stop
  await clock.advance(60_000)
  expect(names()).toEqual(['1'])
})

test('a stop kills a worker that still starts: it may not receive the message', async () => {
  const { pool, clock, workers } = setUp()
  void pool.start()
  workers[0]?.listen()
  await clock.runPending()
  const stop = pool.stop('SIGTERM', 1_000)
  expect(workers.map(({ stops, killed }) => [stops.length, killed])).toEqual([
    [1, false],
    [0, true],
  ])
  workers[0]?.end(0)
  await stop
})

test('a stop while a worker waits to be replaced resolves without it', async () => {
  const { allListen, pool, clock, workers, names } = setUp(1)
  await allListen()
  workers[0]?.end(1)
  await pool.stop('SIGTERM', 1_000)
  await clock.advance(60_000)
  expect([names().length, clock.timers]).toEqual([1, 0])
})

test('a worker that finds the configuration unusable is not replaced', async () => {
  const { clock, workers, log, allListen } = setUp()
  await allListen()
  workers[1]?.end(2)
  await clock.advance(60_000)
  expect(log).toEqual(['unusable: 2'])
  expect(workers).toHaveLength(2)
})
