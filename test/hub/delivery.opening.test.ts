/** Openings: what a client receives first, and which frames carry a cursor. */
import { describe, expect, test } from 'vitest'
import { controlData, cursorOf, eventsNamed, publishedData } from '../support/events.ts'
import { createHubHarness } from '../support/hub-harness.ts'

describe('an opening', () => {
  test('comes first, with the retry delay, and names client, connection and topics', async () => {
    const { connect } = createHubHarness({ retryMs: 1_234 })
    const { stream, connection } = await connect('alice', { topics: ['news', 'sport', 'news'] })
    expect(stream.retries).toEqual([1_234])
    expect(stream.events).toHaveLength(1)
    expect(controlData(stream, 'hub:ready')).toEqual({
      client: 'alice',
      connection: connection.id,
      topics: ['news', 'sport'],
      resume: 'fresh',
      heartbeatMs: 15_000,
    })
  })

  test('without a cursor is fresh and carries the head; no replay follows', async () => {
    const { connect, broadcast } = createHubHarness()
    const [, head] = await broadcast('a', 'b')
    const { stream } = await connect('alice')
    expect(eventsNamed(stream, 'hub:ready')).toMatchObject([{ id: head }])
    expect(publishedData(stream)).toEqual([])
  })

  test('with the head as cursor is complete and carries it again', async () => {
    const { connect, broadcast } = createHubHarness()
    const [head] = await broadcast('a')
    const { stream } = await connect('alice', { lastEventId: head })
    expect(eventsNamed(stream, 'hub:ready')).toMatchObject([{ id: head }])
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
  })

  test('moves the cursor past events for others', async () => {
    const { hub, connect, broadcast } = createHubHarness()
    const [seen] = await broadcast('a')
    const { id } = await hub.publish({ client: 'bob' }, { data: 'for bob' })
    const { stream } = await connect('alice', { lastEventId: seen })
    expect(eventsNamed(stream, 'hub:ready')).toMatchObject([{ id }])
    expect(publishedData(stream)).toEqual([])
  })

  test('before a replay carries no id, so a client that drops during it skips nothing', async () => {
    const { connect, broadcast } = createHubHarness()
    const [first, second, third] = await broadcast('a', 'b', 'c')
    const { stream } = await connect('alice', { lastEventId: first })
    expect(stream.events.map(({ event, id }) => [event, id])).toEqual([
      ['hub:ready', undefined],
      [undefined, second],
      [undefined, third],
    ])
  })

  test('with `earliest` is complete, and every stored event follows', async () => {
    const { connect, broadcast } = createHubHarness({ journalOptions: { maxEvents: 2 } })
    await broadcast('a', 'b', 'c')
    const { stream } = await connect('alice', { lastEventId: 'earliest' })
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect(eventsNamed(stream, 'hub:gap')).toEqual([])
    expect(publishedData(stream)).toEqual(['b', 'c'])
  })

  test('with `earliest` and nothing stored carries the head', async () => {
    const { journal, connect } = createHubHarness()
    const { stream } = await connect('alice', { lastEventId: 'earliest' })
    expect(cursorOf(stream)).toBe(journal.head().id)
  })
})

describe('a gap', () => {
  test('is reported after the opening and before the events that can still be replayed', async () => {
    const { connect, broadcast } = createHubHarness({ journalOptions: { maxEvents: 2 } })
    const [first, , third] = await broadcast('a', 'b', 'c', 'd')
    const { stream } = await connect('alice', { lastEventId: first })
    expect(stream.events.map(({ event }) => event)).toEqual([
      'hub:ready',
      'hub:gap',
      undefined,
      undefined,
    ])
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'gap' })
    expect(controlData(stream, 'hub:gap')).toEqual({
      requested: first,
      earliest: third,
      reason: 'evicted',
    })
    expect(publishedData(stream)).toEqual(['c', 'd'])
    expect(stream.events.slice(0, 2).map(({ id }) => id)).toEqual([undefined, undefined])
  })

  test('with nothing left to replay carries the head, and is reported once', async () => {
    const { clock, journal, connect, broadcast } = createHubHarness({
      journalOptions: { maxAgeMs: 1_000 },
    })
    const start = journal.head().id
    const [head] = await broadcast('a')
    await clock.advance(1_001)
    const { stream } = await connect('alice', { lastEventId: start })
    expect(stream.events.map(({ event, id }) => [event, id])).toEqual([
      ['hub:ready', undefined],
      ['hub:gap', head],
    ])
    expect(controlData(stream, 'hub:gap')).toMatchObject({ earliest: null, reason: 'evicted' })
    const again = await connect('alice', { lastEventId: cursorOf(stream) })
    expect(controlData(again.stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
  })

  test.each(['of-another-life', '', 'zzzz-7', '🙂', 'x'.repeat(5_000), 'a\nb: c'])(
    'with the reason epoch is reported for the cursor %j, and every stored event follows',
    async (lastEventId) => {
      const { connect, broadcast } = createHubHarness()
      const [first] = await broadcast('a', 'b')
      const { stream } = await connect('alice', { lastEventId })
      expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'gap' })
      expect(controlData(stream, 'hub:gap')).toEqual({
        requested: lastEventId.slice(0, 128),
        earliest: first,
        reason: 'epoch',
      })
      expect(publishedData(stream)).toEqual(['a', 'b'])
    },
  )

  test('is not reported for events of other clients', async () => {
    const { hub, connect, broadcast } = createHubHarness({ journalOptions: { maxEvents: 2 } })
    const [seen] = await broadcast('a')
    for (let i = 0; i < 10; i++) await hub.publish({ client: 'bob' }, { data: `${i}` })
    await hub.publish({ client: 'alice' }, { data: 'mine' })
    const { stream } = await connect('alice', { lastEventId: seen })
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect(publishedData(stream)).toEqual(['mine'])
  })
})

describe('an event', () => {
  test('reaches all connections of its client, and no other client', async () => {
    const { clock, hub, connect } = createHubHarness()
    const [laptop, phone, bob] = [
      await connect('alice'),
      await connect('alice'),
      await connect('bob'),
    ]
    const receipt = await hub.publish({ client: 'alice' }, { data: 'hello', event: 'greeting' })
    await clock.runPending()
    expect(receipt.connections).toBe(2)
    for (const { stream } of [laptop, phone]) {
      expect(eventsNamed(stream, 'greeting')).toMatchObject([{ data: 'hello', id: receipt.id }])
    }
    expect(publishedData(bob.stream)).toEqual([])
  })

  test('of a topic reaches each subscriber once', async () => {
    const { clock, hub, connect } = createHubHarness()
    const both = await connect('alice', { topics: ['news', 'sport', 'news'] })
    const other = await connect('bob', { topics: ['sport'] })
    expect(await hub.publish({ topic: 'news' }, { data: 'a' })).toMatchObject({ connections: 1 })
    expect(await hub.publish({ topic: 'sport' }, { data: 'b' })).toMatchObject({ connections: 2 })
    expect(await hub.publish({ topic: 'art' }, { data: 'c' })).toMatchObject({ connections: 0 })
    await clock.runPending()
    expect(publishedData(both.stream)).toEqual(['a', 'b'])
    expect(publishedData(other.stream)).toEqual(['b'])
  })

  test('names its topic in a comment, and no other address', async () => {
    const { clock, hub, connect } = createHubHarness()
    const { stream } = await connect('alice', { topics: ['news'] })
    await hub.publish({ topic: 'news' }, { data: 'a', ephemeral: true })
    await hub.publish({ client: 'alice' }, { data: 'b', ephemeral: true })
    await hub.publish('everyone', { data: 'c', ephemeral: true })
    await clock.runPending()
    expect(new TextDecoder().decode(stream.writes.at(-1))).toBe(
      ': topic news\ndata: a\n\ndata: b\n\ndata: c\n\n',
    )
  })

  test('that is ephemeral has no id and is not stored', async () => {
    const { clock, hub, journal, connect } = createHubHarness()
    const { stream } = await connect('alice')
    const receipt = await hub.publish('everyone', { data: 'typing', ephemeral: true })
    await clock.runPending()
    expect(receipt).toEqual({ connections: 1 })
    expect(stream.events.at(-1)).toEqual({ id: undefined, event: undefined, data: 'typing' })
    expect(cursorOf(stream)).toBe(journal.head().id)
    const later = await connect('bob', { lastEventId: 'earliest' })
    expect(publishedData(later.stream)).toEqual([])
  })

  test.each([false, true])(
    'that a hook publishes reaches all in order: ephemeral %s',
    async (ephemeral) => {
      const { clock, hub, connect } = createHubHarness({
        maxEventBytes: 30_000,
        maxQueuedBytes: 95_536,
        onDisconnect: ({ client }) =>
          void hub.publish('everyone', { data: `${client} has left`, ephemeral }),
      })
      const first = await connect('alice')
      const bad = await connect('mallory')
      const last = await connect('bob')
      bad.stream.fail('throws')
      const news = Array.from({ length: 5 }, (_, i) => `${i} ${'x'.repeat(25_000)}`)
      for (const data of news) void hub.publish('everyone', { data, ephemeral })
      await clock.runPending()
      const [ofFirst, ofLast] = [first, last].map(({ stream }) =>
        publishedData(stream).map((data) => data[0]),
      )
      expect(ofFirst?.toSorted()).toEqual(['0', '1', '2', '3', '4', 'm'])
      expect(ofLast).toEqual(ofFirst)
    },
  )
})

test('the delay before a reconnect differs from client to client, by up to a quarter', async () => {
  let next = 0
  const { connect } = createHubHarness({ retryMs: 2_000, random: () => (next++ % 100) / 100 })
  const delays: number[] = []
  for (let n = 0; n < 100; n++) delays.push(...(await connect(`client-${n}`)).stream.retries)
  expect(Math.min(...delays)).toBeLessThan(1_550)
  expect(Math.max(...delays)).toBeGreaterThan(2_450)
  expect(delays.every((ms) => ms >= 1_500 && ms <= 2_500)).toBe(true)
})
