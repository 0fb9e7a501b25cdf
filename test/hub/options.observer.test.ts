/** Observers: an error that one throws is reported, and stops nothing. */
import { afterEach, expect, test, vi } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import { manualClock } from '../support/clock.ts'
import { fakeStream } from '../support/fake-stream.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

test('an observer that throws stops no delivery, and its error is reported', async () => {
  const thrown: (() => void)[] = []
  vi.stubGlobal('queueMicrotask', (task: () => void) => thrown.push(task))
  const clock = manualClock()
  const ended = () => {
    throw new Error('from the observer')
  }
  const hub = createHub({ clock, observer: { ended } })
  const [first, bad, last] = [fakeStream(), fakeStream(), fakeStream()]
  hub.connect({ client: 'first', stream: first })
  hub.connect({ client: 'bad', stream: bad })
  hub.connect({ client: 'last', stream: last })
  await clock.runPending()
  bad.leave()
  await hub.publish('everyone', { data: 'one' })
  await clock.runPending()
  for (const stream of [first, last]) expect(stream.events.at(-1)).toMatchObject({ data: 'one' })
  expect(thrown).toHaveLength(1)
  expect(() => thrown[0]?.()).toThrow('from the observer')
})
