/** The queue of a loop is bounded. */
import { expect, test } from 'vitest'
import { createEventQueue } from '../../src/client/event-queue.ts'
import type { ReceivedEvent } from '../../src/client/stream-types.ts'

test('a loop that is 10,000 events late ends with an error, after those events', async () => {
  let emit = (_: ReceivedEvent) => {}
  const listen = (listener: (event: ReceivedEvent) => void) => {
    emit = listener
    return () => {
      emit = () => {}
    }
  }
  const events = createEventQueue(
    listen,
    () => () => {},
    () => ({ state: 'connecting' }),
  )
  for (let n = 0; n < 10_001; n += 1) emit({ event: 'message', data: String(n) })
  for (let n = 0; n < 10_000; n += 1) {
    expect((await events.next()).value).toEqual({ event: 'message', data: String(n) })
  }
  await expect(events.next()).rejects.toThrow('the loop is too slow')
  expect(await events.next()).toEqual({ done: true, value: undefined })
})
