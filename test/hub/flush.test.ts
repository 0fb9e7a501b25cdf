/** The flush: events published in one turn leave in one write, and other work is not held up. */
import { expect, test } from 'vitest'
import { heard } from '../support/fake-stream.ts'
import { createHubHarness } from '../support/hub-harness.ts'

test('nothing is written during a publish', async () => {
  const { clock, hub, enter } = createHubHarness()
  const { stream } = await enter('alice')
  const before = stream.writes.length
  const receipt = hub.publish('everyone', { data: 'a' })
  expect(stream.writes).toHaveLength(before)
  await clock.settle()
  expect(stream.writes).toHaveLength(before + 1)
  expect(await receipt).toMatchObject({ connections: 1 })
})

test('nothing is written during a connect', async () => {
  const { clock, join } = createHubHarness()
  const { stream } = join('alice')
  expect(stream.writes).toHaveLength(0)
  await clock.settle()
  expect(stream.writes).toHaveLength(1)
})

test('events published in one turn leave in one write per connection', async () => {
  const { clock, enter, tell } = createHubHarness()
  const streams = [(await enter('alice')).stream, (await enter('bob')).stream]
  const before = streams.map(({ writes }) => writes.length)
  void tell('a', 'b', 'c')
  await clock.settle()
  expect(streams.map(({ writes }) => writes.length)).toEqual(before.map((count) => count + 1))
  expect(streams.map(heard)).toEqual([
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
  ])
})

test('equal queues leave as one buffer, and different ones do not', async () => {
  const { clock, hub, enter, tell } = createHubHarness()
  const [alice, bob, carol] = [await enter('alice'), await enter('bob'), await enter('carol')]
  void tell('a', 'b')
  void hub.publish({ client: 'carol' }, { data: 'for carol' })
  void tell('c')
  await clock.settle()
  const [ofAlice, ofBob, ofCarol] = [alice, bob, carol].map(({ stream }) => stream.writes.at(-1))
  expect(ofAlice).toBeDefined()
  expect(ofBob).toBe(ofAlice)
  expect(ofCarol).not.toBe(ofAlice)
  expect(heard(alice.stream)).toEqual(['a', 'b', 'c'])
  expect(heard(carol.stream)).toEqual(['a', 'b', 'for carol', 'c'])
})

test('a single frame for many clients is not copied', async () => {
  const { clock, enter, tell } = createHubHarness()
  const clients = [await enter('alice'), await enter('bob')]
  void tell('a')
  await clock.settle()
  void tell('b')
  await clock.settle()
  const last = clients.map(({ stream }) => stream.writes.at(-1))
  expect(last[1]).toBe(last[0])
})

test('a flush over thousands of connections lets other work run in between', async () => {
  const { clock, join, tell } = createHubHarness()
  const streams = Array.from({ length: 3_000 }, (_, i) => join(`client-${i}`).stream)
  await clock.settle()
  const reached: number[] = []
  void tell('to all')
  lookAgain()
  await clock.settle()
  expect(reached.at(-1)).toBe(3_000)
  // Never more than a sixth of them at once.
  const steps = reached.map((count, i) => count - (reached[i - 1] ?? 0))
  expect(Math.max(...steps)).toBeLessThanOrEqual(500)

  function lookAgain(): void {
    const count = streams.filter(({ writes }) => writes.length > 1).length
    reached.push(count)
    if (count < streams.length) clock.soon(lookAgain)
  }
})

test('an event published during a long flush reaches every client, once and in order', async () => {
  const { clock, join, tell } = createHubHarness()
  const streams = Array.from({ length: 1_000 }, (_, i) => join(`client-${i}`).stream)
  await clock.settle()
  void tell('first')
  clock.soon(() => {
    void tell('second')
    clock.soon(() => void tell('third'))
  })
  await clock.settle()
  for (const stream of streams) expect(heard(stream)).toEqual(['first', 'second', 'third'])
})

test('a stream that throws in a flush does not stop the others', async () => {
  const { clock, enter, tell } = createHubHarness()
  const clients = [await enter('alice'), await enter('mallory'), await enter('bob')]
  clients[1]?.stream.fail('throws')
  void tell('a')
  await clock.settle()
  void tell('b')
  await clock.settle()
  expect(clients.map(({ stream }) => heard(stream))).toEqual([['a', 'b'], [], ['a', 'b']])
})
