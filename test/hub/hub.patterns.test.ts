/** Patterns: who follows one receives the events for all topics that it covers, with every promise of a topic. */
import { describe, expect, test } from 'vitest'
import { publishedData } from '../support/events.ts'
import { createHubHarness } from '../support/hub-harness.ts'
import { iterate } from '../support/iterations.ts'

describe('a follower of a pattern', () => {
  test('receives the events for the topics that it covers, in order, and no others', async () => {
    const { clock, hub, connect } = createHubHarness()
    const one = await connect('one', { topics: ['orders/*'] })
    const all = await connect('all', { topics: ['orders/**'] })
    const topics = ['orders', 'orders/1', 'orders/1/paid', 'others/1', 'orders/2', 'orders/']
    for (const topic of topics) hub.post({ topic }, { data: topic })
    await clock.runPending()
    expect(publishedData(one.stream)).toEqual(['orders/1', 'orders/2', 'orders/'])
    expect(publishedData(all.stream)).toEqual(['orders/1', 'orders/1/paid', 'orders/2', 'orders/'])
  })

  test('receives an event once, whatever else it follows, and counts once', async () => {
    const { clock, hub, connect } = createHubHarness()
    const topics = ['a/b', 'a/*', 'a/**', 'a/b/c', 'a/b/**', 'x']
    const both = await connect('both', { topics })
    const exact = await connect('exact', { topics: ['a/b'] })
    const { connections } = await hub.publish({ topic: 'a/b' }, { data: '1' })
    await hub.publish([{ topic: 'a/b' }, { topic: 'a/c' }, { client: 'both' }], { data: '2' })
    await hub.publish({ topic: 'a/b' }, { data: '3', ephemeral: true })
    await clock.runPending()
    expect(connections).toBe(2)
    expect(publishedData(both.stream)).toEqual(['1', '2', '3'])
    expect(publishedData(exact.stream)).toEqual(['1', '2', '3'])
    expect(both.connection.topics).toEqual(topics)
    expect(hub.stats()).toMatchObject({ published: 3, delivered: 6 })
    expect(hub.stats().metrics.publishes).toEqual({ client: 0, topic: 2, everyone: 0, several: 1 })
  })

  test('learns which topic an event was for', async () => {
    const { clock, hub } = createHubHarness()
    const loop = iterate(hub.events([{ topic: 'a/**' }, { topic: 'a/b' }]), clock)
    await loop.take()
    await hub.publish({ topic: 'a/b' }, { data: 'x' })
    await hub.publish({ topic: 'a/b/c' }, { data: 'y' })
    await loop.take()
    expect(loop.items.map(({ topic }) => topic)).toEqual(['a/b', 'a/b/c'])
    await loop.leave()
  })

  test('is replayed what it missed, and receives a gap of its own topics only', async () => {
    const { clock, hub, connect } = createHubHarness({ journalOptions: { maxEvents: 2 } })
    const { cursor } = hub
    for (const topic of ['a/1', 'b/1', 'a/2', 'b/2', 'b/3'])
      await hub.publish({ topic }, { data: topic })
    const read = async (...topics: string[]) => {
      const { stream } = await connect('x', { topics, lastEventId: cursor })
      await clock.runPending()
      return stream.events.slice(1).map(({ event, data }) => event ?? data)
    }
    expect(await read('a/*')).toEqual(['a/1', 'a/2'])
    expect(await read('b/*')).toEqual(['hub:gap', 'b/2', 'b/3'])
    expect(await read('b/1')).toEqual(['b/1'])
    expect(await read('c/*')).toEqual([])
    const { stream } = await connect('x', { topics: ['a/**'], lastEventId: 'earliest' })
    expect(publishedData(stream)).toEqual(['a/1', 'a/2'])
  })

  test('is listed with its pattern, and where its topics are', async () => {
    const { clock, hub, connectNow } = createHubHarness()
    connectNow('exact', { topics: ['a/b'] })
    await clock.advance(10)
    connectNow('pattern', { topics: ['a/*'] })
    await clock.advance(10)
    connectNow('exact too', { topics: ['a/b', 'c'] })
    const clientsAt = async (topic: string, limit?: number) => {
      const { rows, total } = await hub.connections({ topic }, limit)
      return [rows.map(({ client }) => client), total]
    }
    expect(await clientsAt('a/b')).toEqual([['exact', 'pattern', 'exact too'], 3])
    expect(await clientsAt('a/b', 2)).toEqual([['exact', 'pattern'], 3])
    expect(await clientsAt('a/x')).toEqual([['pattern'], 1])
    expect(await clientsAt('a/*')).toEqual([['pattern'], 1])
    expect(await clientsAt('a/**')).toEqual([[], 0])
    const { rows, total } = await hub.topics()
    expect([rows.map(({ topic, connections }) => [topic, connections]), total]).toEqual([
      [
        ['a/*', 1],
        ['a/b', 2],
        ['c', 1],
      ],
      3,
    ])
    expect(hub.stats().topics).toBe(3)
  })

  test('is listed with each of its patterns, and counted for the widest', async () => {
    const { clock, hub, connectNow } = createHubHarness()
    connectNow('wide', { topics: ['a/**'] })
    await clock.advance(10)
    connectNow('all', { topics: ['a/b', 'a/*', 'a/**', 'a/b/*'] })
    await clock.advance(10)
    connectNow('narrow', { topics: ['a/*'] })
    const clientsAt = async (topic: string) => {
      const { rows, total } = await hub.connections({ topic })
      return [rows.map(({ client }) => client), total]
    }
    expect(await clientsAt('a/**')).toEqual([['wide', 'all'], 2])
    expect(await clientsAt('a/*')).toEqual([['all', 'narrow'], 2])
    expect(await clientsAt('a/b/*')).toEqual([['all'], 1])
    expect(await clientsAt('a/b/**')).toEqual([[], 0])
    expect(await clientsAt('a/b')).toEqual([['wide', 'all', 'narrow'], 3])
    expect((await hub.topics()).rows).toEqual([
      { topic: 'a/*', connections: 1 },
      { topic: 'a/**', connections: 2 },
    ])
  })

  test('does not make a topic out of its pattern: only topics are published to', async () => {
    const { hub, connect, journal } = createHubHarness()
    await connect('x', { topics: ['a/*'] })
    for (const topic of ['a/*', 'a/**', '*', 'a*']) {
      await expect(hub.publish({ topic }, { data: 'x' })).rejects.toThrow(
        /Patterns can only be followed/,
      )
      await expect(hub.publish([{ topic }, 'everyone'], { data: 'x' })).rejects.toThrow(
        expect.objectContaining({ code: 'invalid-address' }),
      )
    }
    expect(journal.head().sequence).toBe(0)
    for (const topic of ['*', 'a*', '**', 'a/*/b']) {
      await expect(connect('x', { topics: [topic] })).rejects.toThrow(/^A topic must/)
    }
  })
})
