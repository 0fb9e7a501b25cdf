/** The outbox holds one timer for all webhooks that are postponed, and loses none if it can't be set. */
import { expect, test } from 'vitest'
import { createOutbox, type OutboxEvent } from '../../src/webhooks/outbox.ts'
import { manualClock } from '../support/clock.ts'

function setUp() {
  const clock = manualClock()
  const taken: string[] = []
  let maxTimers = Number.POSITIVE_INFINITY
  const outbox = createOutbox({
    clock: {
      monotonic: clock.monotonic,
      every: (ms, task) => {
        if (clock.timers >= maxTimers) throw new Error('too many timers')
        return clock.every(ms, task)
      },
    },
    maxWaiting: 100_000,
    onDue: takeAll,
  })
  return { clock, outbox, taken, takeAll, postpone, limit: (max: number) => (maxTimers = max) }

  function takeAll(): void {
    for (;;) {
      const [event] = outbox.take(1)
      if (!event) return
      taken.push(`${event.client} ${clock.monotonic()}`)
      outbox.remove(event)
    }
  }

  function postpone(client: string, ms: number): void {
    const event: OutboxEvent = { id: '', client, body: '', at: 0, attempts: 0, done: () => {} }
    outbox.add(event)
    outbox.take(1)
    outbox.postpone(event, ms)
  }
}

test('one timer is enough for all that are postponed, whatever their times', async () => {
  const { clock, outbox, taken, postpone } = setUp()
  for (const [n, ms] of [3_000, 1_000, 2_000, 1_000].entries()) postpone(`client-${n}`, ms)
  expect(clock.timers).toBe(1)
  await clock.advance(999)
  expect(taken).toEqual([])
  await clock.advance(2_001)
  expect(taken).toEqual(['client-1 1000', 'client-3 1000', 'client-2 2000', 'client-0 3000'])
  expect([outbox.size, clock.timers]).toEqual([0, 0])
})

test('no timer is left when all that were postponed are to be taken at once', () => {
  const { clock, outbox, taken, postpone, takeAll } = setUp()
  postpone('alice', 1_000)
  outbox.hurry()
  takeAll()
  expect([taken, clock.timers]).toEqual([['alice 0'], 0])
})

test('what is postponed without a timer is taken with what comes later', async () => {
  const { clock, taken, postpone, takeAll, limit } = setUp()
  limit(0)
  postpone('alice', 1_000)
  await clock.advance(1_000)
  takeAll()
  expect(taken).toEqual(['alice 1000'])
  postpone('bob', 1_000)
  limit(1)
  postpone('carol', 2_000)
  await clock.advance(1_000)
  expect(taken.slice(1)).toEqual(['bob 2000'])
  await clock.advance(1_000)
  expect(taken.slice(2)).toEqual(['carol 3000'])
})
