/** Stored control requests are bounded. */
import { expect, test } from 'vitest'
import { createHeldRequests } from '../../../src/journal/ipc/held-requests.ts'
import { manualClock } from '../../support/clock.ts'

test('a request is refused when too many are stored, unless it need not be kept or is stored already', async () => {
  const clock = manualClock()
  const requests = createHeldRequests({ clock, members: () => [], maxStored: 2 })
  const send = (client: string, until?: 'answered') => {
    let asked: number | undefined
    requests.request({ client }, 1_000, until, (responses) => {
      asked = responses.asked
    })
    return asked
  }
  expect([send('a'), send('b'), send('b')]).toEqual([0, 0, 0])
  expect(() => send('c')).toThrow('Too many blocks')
  expect(send('c', 'answered')).toBe(0)
  await clock.advance(1_000)
  expect(send('c')).toBe(0)
})
