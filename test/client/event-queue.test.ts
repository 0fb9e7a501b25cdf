/** The queue of a loop: bounded, and in order. */
import { expect, test } from 'vitest'
import { createEventQueue } from '../../src/client/event-queue.ts'
import type { ReceivedEvent } from '../../src/client/stream-types.ts'

function createQueue() {
  let listener = (_?: ReceivedEvent) => {}
  const events = createEventQueue(
    (next) => {
      listener = next
      return () => {
        listener = () => {}
      }
    },
    () => ({ state: 'connecting' }),
  )
  return { events, emit: (event: ReceivedEvent) => listener(event) }
}

test('a loop that is 10,000 events late ends with an error, after those events', async () => {
  const { events, emit } = createQueue()
  for (let n = 0; n < 10_001; n += 1) emit({ event: 'message', data: String(n) })
  for (let n = 0; n < 10_000; n += 1) {
    expect((await events.next()).value).toEqual({ event: 'message', data: String(n) })
  }
  await expect(events.next()).rejects.toThrow('More than 10000 events waited')
  expect(await events.next()).toEqual({ done: true, value: undefined })
})

test('several calls of next wait for one event each, and return ends all of them', async () => {
  const queue = createQueue()
  const [one, two, three] = [queue.events.next(), queue.events.next(), queue.events.next()]
  queue.emit({ event: 'message', data: 'one' })
  queue.emit({ event: 'message', data: 'two' })
  expect([(await one).value.data, (await two).value.data]).toEqual(['one', 'two'])
  await queue.events.return?.()
  expect(await three).toEqual({ done: true, value: undefined })
})

test('a call of next right after an event leaves it to the call that waits', async () => {
  const { events, emit } = createQueue()
  const first = events.next()
  emit({ event: 'message', data: '1' })
  const second = events.next()
  emit({ event: 'message', data: '2' })
  expect([(await first).value.data, (await second).value.data]).toEqual(['1', '2'])
})

test('a loop that keeps up receives any number of events', async () => {
  const { events, emit } = createQueue()
  for (let n = 0; n < 30_000; n += 1) {
    const next = events.next()
    emit({ event: 'message', data: String(n) })
    expect((await next).value.data).toBe(String(n))
  }
})
