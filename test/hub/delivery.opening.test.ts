/** Openings: what a client receives first, and which frames carry a cursor. */
import { describe, expect, test } from 'vitest'
import { cursorOf, heard, named, told } from '../support/fake-stream.ts'
import { createHubHarness } from '../support/hub-harness.ts'

describe('an opening', () => {
  test('comes first, with the retry delay, and names client, connection and topics', async () => {
    const { enter } = createHubHarness({ retryMs: 1_234 })
    const { stream, connection } = await enter('alice', { topics: ['news', 'sport', 'news'] })
    expect(stream.retries).toEqual([1_234])
    expect(stream.events).toHaveLength(1)
    expect(told(stream, 'hub:ready')).toEqual({
      client: 'alice',
      connection: connection.id,
      topics: ['news', 'sport'],
      resume: 'fresh',
    })
  })

  test('without a cursor is fresh and carries the head; no replay follows', async () => {
    const { enter, tell } = createHubHarness()
    const [, head] = await tell('a', 'b')
    const { stream } = await enter('alice')
    expect(named(stream, 'hub:ready')).toMatchObject([{ id: head }])
    expect(heard(stream)).toEqual([])
  })

  test('with the cursor of the head is complete and carries it again', async () => {
    const { enter, tell } = createHubHarness()
    const [head] = await tell('a')
    const { stream } = await enter('alice', { lastEventId: head })
    expect(named(stream, 'hub:ready')).toMatchObject([{ id: head }])
    expect(told(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
  })

  test('moves the cursor past events for others', async () => {
    const { hub, enter, tell } = createHubHarness()
    const [seen] = await tell('a')
    const { id } = await hub.publish({ client: 'bob' }, { data: 'for bob' })
    const { stream } = await enter('alice', { lastEventId: seen })
    expect(named(stream, 'hub:ready')).toMatchObject([{ id }])
    expect(heard(stream)).toEqual([])
  })

  test('before a replay carries no id, so a client that drops during it skips nothing', async () => {
    const { enter, tell } = createHubHarness()
    const [first, second, third] = await tell('a', 'b', 'c')
    const { stream } = await enter('alice', { lastEventId: first })
    expect(stream.events.map(({ event, id }) => [event, id])).toEqual([
      ['hub:ready', undefined],
      [undefined, second],
      [undefined, third],
    ])
  })

  test('with `earliest` is complete, and every stored event follows', async () => {
    const { enter, tell } = createHubHarness({ history: { maxEvents: 2 } })
    await tell('a', 'b', 'c')
    const { stream } = await enter('alice', { lastEventId: 'earliest' })
    expect(told(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect(named(stream, 'hub:gap')).toEqual([])
    expect(heard(stream)).toEqual(['b', 'c'])
  })

  test('with `earliest` and nothing stored carries the head', async () => {
    const { journal, enter } = createHubHarness()
    const { stream } = await enter('alice', { lastEventId: 'earliest' })
    expect(cursorOf(stream)).toBe(journal.head().id)
  })
})

describe('a gap', () => {
  test('is reported after the opening and before the events that can still be replayed', async () => {
    const { enter, tell } = createHubHarness({ history: { maxEvents: 2 } })
    const [first, , third] = await tell('a', 'b', 'c', 'd')
    const { stream } = await enter('alice', { lastEventId: first })
    expect(stream.events.map(({ event }) => event)).toEqual([
      'hub:ready',
      'hub:gap',
      undefined,
      undefined,
    ])
    expect(told(stream, 'hub:ready')).toMatchObject({ resume: 'gap' })
    expect(told(stream, 'hub:gap')).toEqual({
      requested: first,
      earliest: third,
      reason: 'evicted',
    })
    expect(heard(stream)).toEqual(['c', 'd'])
    expect(stream.events.slice(0, 2).map(({ id }) => id)).toEqual([undefined, undefined])
  })

  test('with nothing left to replay carries the head, and is reported once', async () => {
    const { clock, journal, enter, tell } = createHubHarness({ history: { maxAgeMs: 1_000 } })
    const start = journal.head().id
    const [head] = await tell('a')
    await clock.advance(1_001)
    const { stream } = await enter('alice', { lastEventId: start })
    expect(stream.events.map(({ event, id }) => [event, id])).toEqual([
      ['hub:ready', undefined],
      ['hub:gap', head],
    ])
    expect(told(stream, 'hub:gap')).toMatchObject({ earliest: null, reason: 'evicted' })
    const again = await enter('alice', { lastEventId: cursorOf(stream) })
    expect(told(again.stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
  })

  test.each(['of-another-life', '', 'zzzz-7', '🙂', 'x'.repeat(5_000), 'a\nb: c'])(
    'of the epoch is reported for the cursor %j, and every stored event follows',
    async (lastEventId) => {
      const { enter, tell } = createHubHarness()
      const [first] = await tell('a', 'b')
      const { stream } = await enter('alice', { lastEventId })
      expect(told(stream, 'hub:ready')).toMatchObject({ resume: 'gap' })
      expect(told(stream, 'hub:gap')).toEqual({
        requested: lastEventId.slice(0, 128),
        earliest: first,
        reason: 'epoch',
      })
      expect(heard(stream)).toEqual(['a', 'b'])
    },
  )

  test('is not reported for events of other clients', async () => {
    const { hub, enter, tell } = createHubHarness({ history: { maxEvents: 2 } })
    const [seen] = await tell('a')
    for (let i = 0; i < 10; i++) await hub.publish({ client: 'bob' }, { data: `${i}` })
    await hub.publish({ client: 'alice' }, { data: 'mine' })
    const { stream } = await enter('alice', { lastEventId: seen })
    expect(told(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect(heard(stream)).toEqual(['mine'])
  })
})

describe('an event', () => {
  test('reaches all connections of its client, and no other client', async () => {
    const { clock, hub, enter } = createHubHarness()
    const [laptop, phone, bob] = [await enter('alice'), await enter('alice'), await enter('bob')]
    const receipt = await hub.publish({ client: 'alice' }, { data: 'hello', event: 'greeting' })
    await clock.settle()
    expect(receipt.connections).toBe(2)
    for (const { stream } of [laptop, phone]) {
      expect(named(stream, 'greeting')).toMatchObject([{ data: 'hello', id: receipt.id }])
    }
    expect(heard(bob.stream)).toEqual([])
  })

  test('of a topic reaches each subscriber once', async () => {
    const { clock, hub, enter } = createHubHarness()
    const both = await enter('alice', { topics: ['news', 'sport', 'news'] })
    const other = await enter('bob', { topics: ['sport'] })
    expect(await hub.publish({ topic: 'news' }, { data: 'a' })).toMatchObject({ connections: 1 })
    expect(await hub.publish({ topic: 'sport' }, { data: 'b' })).toMatchObject({ connections: 2 })
    expect(await hub.publish({ topic: 'art' }, { data: 'c' })).toMatchObject({ connections: 0 })
    await clock.settle()
    expect(heard(both.stream)).toEqual(['a', 'b'])
    expect(heard(other.stream)).toEqual(['b'])
  })

  test('that is ephemeral has no id and is not kept', async () => {
    const { clock, hub, journal, enter } = createHubHarness()
    const { stream } = await enter('alice')
    const receipt = await hub.publish('everyone', { data: 'typing', ephemeral: true })
    await clock.settle()
    expect(receipt).toEqual({ connections: 1 })
    expect(stream.events.at(-1)).toEqual({ id: undefined, event: undefined, data: 'typing' })
    expect(cursorOf(stream)).toBe(journal.head().id)
    const later = await enter('bob', { lastEventId: 'earliest' })
    expect(heard(later.stream)).toEqual([])
  })

  test('that an observer publishes reaches all clients in order', async () => {
    const { clock, hub, enter } = createHubHarness({
      maxEventBytes: 30_000,
      maxQueuedBytes: 95_536,
      observer: {
        ended: ({ client }) => void hub.publish('everyone', { data: `${client} has left` }),
      },
    })
    const first = await enter('alice')
    const bad = await enter('mallory')
    const last = await enter('bob')
    bad.stream.fail('throws')
    const news = Array.from({ length: 5 }, (_, i) => `${i} ${'x'.repeat(25_000)}`)
    for (const data of news) void hub.publish('everyone', { data })
    await clock.settle()
    const [ofFirst, ofLast] = [first, last].map(({ stream }) =>
      heard(stream).map((data) => data[0]),
    )
    expect(ofFirst?.toSorted()).toEqual(['0', '1', '2', '3', '4', 'm'])
    expect(ofLast).toEqual(ofFirst)
  })
})

test('the delay before a reconnect differs from client to client, by up to a quarter', async () => {
  let next = 0
  const { enter } = createHubHarness({ retryMs: 2_000, random: () => (next++ % 100) / 100 })
  const delays: number[] = []
  for (let n = 0; n < 100; n++) delays.push(...(await enter(`client-${n}`)).stream.retries)
  expect(Math.min(...delays)).toBeLessThan(1_550)
  expect(Math.max(...delays)).toBeGreaterThan(2_450)
  expect(delays.every((ms) => ms >= 1_500 && ms <= 2_500)).toBe(true)
})
