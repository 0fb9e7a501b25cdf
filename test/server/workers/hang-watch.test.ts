/** A worker that hangs is noticed after half a minute. */
import { expect, test } from 'vitest'
import { watchForHang } from '../../../src/server/workers/hang-watch.ts'
import { manualClock } from '../../support/clock.ts'

function createWorker() {
  const clock = manualClock()
  let hung = 0
  const worker = { clock, isStopped: false, hung: () => hung, stop: () => watch.stop() }
  const ping = () => {
    if (!worker.isStopped) watch.answered()
  }
  const watch = watchForHang(clock, ping, () => {
    hung += 1
  })
  return worker
}

test('a worker that has not answered for half a minute hangs', async () => {
  const worker = createWorker()
  await worker.clock.advance(2_000)
  worker.isStopped = true
  await worker.clock.advance(29_000)
  expect(worker.hung()).toBe(0)
  await worker.clock.advance(3_000)
  expect(worker.hung()).toBe(1)
  worker.stop()
  await worker.clock.advance(120_000)
  expect(worker.hung()).toBe(1)
})

test('one that stands still together with the first process does not hang', async () => {
  const worker = createWorker()
  worker.isStopped = true
  worker.clock.suspend(120_000)
  await worker.clock.advance(2_000)
  expect(worker.hung()).toBe(0)
})

test('one that is busy now and then does not hang', async () => {
  const worker = createWorker()
  for (let n = 0; n < 3; n++) {
    worker.isStopped = true
    await worker.clock.advance(20_000)
    worker.isStopped = false
    await worker.clock.advance(2_000)
  }
  expect(worker.hung()).toBe(0)
})
