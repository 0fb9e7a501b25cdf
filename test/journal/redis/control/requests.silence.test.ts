/** A control request waits for as long as hubs respond, and ends once none has for a while. */
import { expect, test } from 'vitest'
import { createControlRequests } from '../../../../src/journal/redis/control/requests.ts'
import { manualClock } from '../../../support/clock.ts'

/** Requests to so many hubs, which respond when the test says so. */
function requestsTo(hubs: number) {
  const clock = manualClock()
  let number = 0
  const requests = createControlRequests({
    clock,
    allInstances: 'all',
    inbox: 'inbox',
    members: {
      alive: hubs,
      count: async () => ({ alive: hubs, seen: hubs }),
      leave: async () => {},
      forget: () => {},
    },
    call: async (_, [, message = '']) => {
      number = (JSON.parse(message) as { number: number }).number
      return hubs
    },
    publish: async () => 1,
  })
  const respond = (body: unknown) => requests.onResponse(JSON.stringify({ number, body }))
  return { clock, requests, respond }
}

test('responses that take longer in total than any silence are all waited for', async () => {
  const { clock, requests, respond } = requestsTo(20)
  const result = requests.request({}, 0)
  for (let i = 0; i < 20; i++) {
    await clock.advance(900)
    respond(i)
  }
  expect((await result).responses).toHaveLength(20)
})

test('hubs that do not respond are not waited for longer than 1.5 s after the last response', async () => {
  const { clock, requests, respond } = requestsTo(3)
  let ended = false
  const result = requests.request({}, 0).finally(() => {
    ended = true
  })
  await clock.advance(1_000)
  respond('a')
  await clock.advance(900)
  expect(ended).toBe(false)
  await clock.advance(600)
  expect(ended).toBe(true)
  expect(await result).toEqual({ responses: ['a'], asked: 3 })
  expect(clock.timers).toBe(0)
})

test('a process that stood still reads the responses that arrived meanwhile', async () => {
  const { clock, requests, respond } = requestsTo(2)
  const result = requests.request({}, 0)
  await clock.runPending()
  clock.suspend(60_000)
  await clock.advance(0)
  respond('a')
  respond('b')
  expect((await result).responses).toEqual(['a', 'b'])
})
