/** The last event of a pipe is tried again while the journal is away. */
import { expect, test } from 'vitest'
import { createLastEvents } from '../../../src/hub/piping/last-event.ts'
import { manualClock } from '../../support/clock.ts'

function setUp(failures: number) {
  const clock = manualClock()
  const last = createLastEvents(clock)
  const calls: string[] = []
  return { clock, calls, publish, drop }

  function drop(key: string, keys: string | string[] = 'c:alice') {
    last.drop({ keys, event: 'gone', key })
  }

  function publish(key?: string, label = key ?? '', keys: string | string[] = 'c:alice') {
    let own = 0
    return last.publish({ keys, event: 'gone', key }, async () => {
      own += 1
      calls.push(label)
      return own > failures
    })
  }
}

test('an event that can be published is published once', async () => {
  const { clock, publish, calls } = setUp(0)
  await publish()
  expect([calls.length, clock.timers]).toEqual([1, 0])
})

test('one that can’t be published for now is tried again each second, one attempt at a time', async () => {
  const { clock, publish, calls } = setUp(5)
  await publish()
  await clock.advance(3_000)
  expect(calls).toHaveLength(4)
  await clock.advance(10_000)
  expect([calls.length, clock.timers]).toEqual([6, 0])
})

test('after five minutes, nothing is tried any more', async () => {
  const { clock, publish, calls } = setUp(Number.POSITIVE_INFINITY)
  await publish()
  await clock.advance(3_600_000)
  expect([calls.length, clock.timers]).toEqual([301, 0])
})

test('one that waits is dropped for a newer one of the same stream, and for no other', async () => {
  const { clock, publish, calls } = setUp(1)
  await publish('a', 'first')
  await publish('b')
  await publish('a', 'second')
  await publish('a', 'of another address', 't:news')
  await publish('a', 'of several', ['c:alice', 't:news'])
  await publish(undefined, 'no key')
  await publish(undefined, 'no key')
  calls.length = 0
  await clock.advance(5_000)
  expect(calls).toEqual(['b', 'second', 'of another address', 'of several', 'no key', 'no key'])
  expect(clock.timers).toBe(0)
})

test('one that waits is dropped if its stream begins once more', async () => {
  const { clock, publish, drop, calls } = setUp(1)
  await publish('a')
  await publish('b')
  drop('a')
  drop('b', 't:news')
  calls.length = 0
  await clock.advance(5_000)
  expect(calls).toEqual(['b'])
})

test('of ten times as many as may wait, the newest do', async () => {
  const { clock, publish, calls } = setUp(1)
  for (let n = 0; n < 10_000; n++) await publish(undefined, `${n}`)
  expect(clock.timers).toBe(1)
  calls.length = 0
  await clock.advance(5_000)
  expect(calls).toEqual(Array.from({ length: 1_000 }, (_, n) => `${9_000 + n}`))
})
