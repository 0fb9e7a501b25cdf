/** The flush: events published in one turn leave in one write, and other work is not held up. */
import { describe, expect, test } from 'vitest'
import { internalsOf } from '../../../src/hub/internals.ts'
import { publishedData } from '../../support/events.ts'
import { createHubHarness } from '../../support/hub-harness.ts'

test('nothing is written during a publish', async () => {
  const { clock, hub, connect } = createHubHarness()
  const { stream } = await connect('alice')
  const before = stream.writes.length
  const receipt = hub.publish('everyone', { data: 'a' })
  expect(stream.writes).toHaveLength(before)
  await clock.runPending()
  expect(stream.writes).toHaveLength(before + 1)
  expect(await receipt).toMatchObject({ connections: 1 })
})

test('nothing is written during a connect', async () => {
  const { clock, connectNow } = createHubHarness()
  const { stream } = connectNow('alice')
  expect(stream.writes).toHaveLength(0)
  await clock.runPending()
  expect(stream.writes).toHaveLength(1)
})

test('events published in one turn leave in one write per connection', async () => {
  const { clock, connect, broadcast } = createHubHarness()
  const streams = [(await connect('alice')).stream, (await connect('bob')).stream]
  const before = streams.map(({ writes }) => writes.length)
  void broadcast('a', 'b', 'c')
  await clock.runPending()
  expect(streams.map(({ writes }) => writes.length)).toEqual(before.map((count) => count + 1))
  expect(streams.map(publishedData)).toEqual([
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
  ])
})

test('equal queues leave as one buffer, and different ones do not', async () => {
  const { clock, hub, connect, broadcast } = createHubHarness()
  const [alice, bob, carol] = [await connect('alice'), await connect('bob'), await connect('carol')]
  void broadcast('a', 'b')
  void hub.publish({ client: 'carol' }, { data: 'for carol' })
  void broadcast('c')
  await clock.runPending()
  const [ofAlice, ofBob, ofCarol] = [alice, bob, carol].map(({ stream }) => stream.writes.at(-1))
  expect(ofAlice).toBeDefined()
  expect(ofBob).toBe(ofAlice)
  expect(ofCarol).not.toBe(ofAlice)
  expect(publishedData(alice.stream)).toEqual(['a', 'b', 'c'])
  expect(publishedData(carol.stream)).toEqual(['a', 'b', 'for carol', 'c'])
})

test('a single frame for many clients is not copied', async () => {
  const { clock, connect, broadcast } = createHubHarness()
  const clients = [await connect('alice'), await connect('bob')]
  void broadcast('a')
  await clock.runPending()
  void broadcast('b')
  await clock.runPending()
  const last = clients.map(({ stream }) => stream.writes.at(-1))
  expect(last[1]).toBe(last[0])
})

test('a flush over thousands of connections lets other work run in between', async () => {
  const { clock, connectNow, broadcast } = createHubHarness()
  const streams = Array.from({ length: 3_000 }, (_, i) => connectNow(`client-${i}`).stream)
  await clock.runPending()
  const reached: number[] = []
  void broadcast('to all')
  lookAgain()
  await clock.runPending()
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
  const { clock, connectNow, broadcast } = createHubHarness()
  const streams = Array.from({ length: 1_000 }, (_, i) => connectNow(`client-${i}`).stream)
  await clock.runPending()
  void broadcast('first')
  clock.soon(() => {
    void broadcast('second')
    clock.soon(() => void broadcast('third'))
  })
  await clock.runPending()
  for (const stream of streams) expect(publishedData(stream)).toEqual(['first', 'second', 'third'])
})

test('a stream that throws in a flush does not stop the others', async () => {
  const { clock, connect, broadcast } = createHubHarness()
  const clients = [await connect('alice'), await connect('mallory'), await connect('bob')]
  clients[1]?.stream.fail('throws')
  void broadcast('a')
  await clock.runPending()
  void broadcast('b')
  await clock.runPending()
  expect(clients.map(({ stream }) => publishedData(stream))).toEqual([['a', 'b'], [], ['a', 'b']])
})

describe('flushed', () => {
  test('resolves in a later turn if nothing is queued', async () => {
    const { clock, hub } = createHubHarness()
    let isFlushed = false
    void internalsOf(hub)
      .flushed()
      .then(() => {
        isFlushed = true
      })
    await Promise.resolve()
    expect(isFlushed).toBe(false)
    await clock.runPending()
    expect(isFlushed).toBe(true)
  })

  test('resolves when every connection has been sent what was queued before', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness()
    const streams: Awaited<ReturnType<typeof connect>>['stream'][] = []
    for (let n = 0; n < 600; n++) streams.push((await connect(`client-${n}`)).stream)
    const before = streams.map(({ writes }) => writes.length)
    void broadcast('a')
    let sent = 0
    void internalsOf(hub)
      .flushed()
      .then(() => {
        sent = streams.filter(({ writes }, index) => writes.length > (before[index] ?? 0)).length
      })
    await clock.runPending()
    expect(sent).toBe(600)
  })
})
