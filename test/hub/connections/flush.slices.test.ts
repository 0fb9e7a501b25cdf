/** A flush is sliced, and keeps nothing of what it has written. */
import { expect, test } from 'vitest'
import type { HubConnection } from '../../../src/hub/connections/connection.ts'
import { createFlusher } from '../../../src/hub/connections/flush.ts'
import { enqueue } from '../../../src/hub/connections/frame-queue.ts'
import { createHubMetrics } from '../../../src/hub/metrics.ts'
import { manualClock } from '../../support/clock.ts'

function setUp() {
  const clock = manualClock()
  const state = { slices: 0, flushed: 0 }
  const soon = (task: () => void) => {
    state.slices += 1
    clock.soon(task)
  }
  const metrics = createHubMetrics()
  const flusher = createFlusher({ ...clock, soon }, metrics)
  const flush = () => {
    state.flushed += 1
  }
  const connection = { flush } as unknown as HubConnection
  return { clock, state, metrics, flusher, connection }
}

test.each([
  [1, 1],
  [256, 1],
  [257, 2],
  [2_560, 10],
])('%d connections take %d slices', async (connections, slices) => {
  const { clock, state, metrics, flusher, connection } = setUp()
  for (let n = 0; n < connections; n++) flusher.schedule(connection)
  await clock.runPending()
  expect(state).toEqual({ slices, flushed: connections })
  expect(metrics.flushMs.counts[0]).toBe(1)
})

test('what is scheduled during a flush is flushed after it, once', async () => {
  const { clock, state, flusher, connection } = setUp()
  const again = { flush: () => flusher.schedule(connection) } as unknown as HubConnection
  flusher.schedule(again)
  await clock.runPending()
  expect(state).toEqual({ slices: 2, flushed: 1 })
  flusher.schedule(connection)
  await clock.runPending()
  expect(state).toEqual({ slices: 3, flushed: 2 })
})

test('an idle hub keeps no frame', async () => {
  const { clock, flusher, connection } = setUp()
  enqueue(flusher.empty, new Uint8Array(1))
  flusher.schedule(connection)
  expect(flusher.empty.latest).toBeDefined()
  await clock.runPending()
  expect(flusher.empty.latest).toBeUndefined()
})

test('the delay of a batch counts its events from the first, and the next batch starts anew', async () => {
  const { clock, metrics, flusher, connection } = setUp()
  flusher.eventQueued(0)
  flusher.schedule(connection)
  flusher.eventQueued(clock.monotonic() - 7)
  flusher.eventQueued(clock.monotonic())
  await clock.runPending()
  expect(metrics.delayMs.sum).toBe(14)
  flusher.schedule(connection)
  await clock.runPending()
  flusher.schedule(connection)
  flusher.eventQueued(clock.monotonic() - 3)
  await clock.runPending()
  expect(metrics.delayMs.sum).toBe(17)
})
