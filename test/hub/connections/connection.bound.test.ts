/** The bound of a queue is exact, and holds however much more is published. */
import { expect, test } from 'vitest'
import { HubConnection } from '../../../src/hub/connections/connection.ts'
import { emptyQueue } from '../../../src/hub/connections/frame-queue.ts'
import { manualClock } from '../../support/clock.ts'
import { fakeStream } from '../../support/fake-stream.ts'

function setUp() {
  const stream = fakeStream()
  const calls: string[] = []
  const connection = new HubConnection(
    { id: 'c-1', client: 'alice', topics: [], stream, endsAt: 0 },
    {
      emptyQueue: emptyQueue(),
      busy: new Set(),
      maxQueuedBytes: 100,
      clock: manualClock(),
      schedule: () => void calls.push('schedule'),
      onDrained: () => void calls.push('drained'),
      onEnded: () => void calls.push('ended'),
      onError: () => void calls.push('error'),
      dismiss: () => {},
      keysOf: () => [],
    },
  )
  return { stream, calls, connection, enqueue: (bytes: number) => connection.enqueue(frame(bytes)) }
}

const frame = (bytes: number) => new Uint8Array(bytes).fill(10)

test.each([1, 10])('a queue ends at its bound, when %d times as much is published', (times) => {
  const { stream, connection, enqueue } = setUp()
  stream.stall()
  enqueue(50)
  connection.flush()
  expect(enqueue(50)).toBe(true)
  for (let n = 0; n < times * 100; n++) expect(enqueue(1)).toBe(false)
  expect(connection).toMatchObject({ queuedBytes: 100, queuedEvents: 2, open: true })
})

test('an empty queue accepts one frame that is larger than the bound, and no second', () => {
  const { stream, connection, enqueue } = setUp()
  stream.stall()
  expect(enqueue(1_000)).toBe(true)
  connection.flush()
  for (let n = 0; n < 10; n++) expect(enqueue(1)).toBe(false)
  expect(connection.queuedBytes).toBe(1_000)
})

test('a full queue is written at once if the transport is idle', () => {
  const { stream, connection, enqueue } = setUp()
  for (let n = 0; n < 10; n++) expect(enqueue(100)).toBe(true)
  expect(stream.writes).toHaveLength(9)
  expect(connection.queuedBytes).toBe(100)
  expect(connection).toMatchObject({ sentEvents: 9, sentBytes: 900 })
})

test('a connection aborts its stream once', () => {
  const { stream, connection } = setUp()
  let aborts = 0
  Object.assign(stream, {
    abort: () => {
      aborts += 1
    },
  })
  connection.abort()
  connection.abort()
  expect(aborts).toBe(1)
})

test('a connection that has ended queues nothing', () => {
  const { stream, connection, enqueue } = setUp()
  connection.abort()
  for (let n = 0; n < 10; n++) expect(enqueue(50)).toBe(true)
  connection.flush()
  expect(connection).toMatchObject({ queuedBytes: 0, queuedEvents: 0, open: false, busy: false })
  expect(stream.writes).toEqual([])
})

test('a connection is flushed once for many frames, and drained unless it has ended', async () => {
  const { stream, calls, connection, enqueue } = setUp()
  for (let n = 0; n < 10; n++) enqueue(5)
  expect(calls).toEqual(['schedule'])
  connection.flush()
  expect(calls).toEqual(['schedule', 'drained'])
  stream.stall()
  enqueue(5)
  connection.flush()
  connection.abort()
  stream.resume()
  await new Promise((resolve) => setImmediate(resolve))
  expect(calls).toEqual(['schedule', 'drained', 'schedule', 'ended'])
})
