/** An event for several addresses is one event: whoever listens to any of them receives it once. */
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { Address } from '../../src/core/address.ts'
import { createHub } from '../../src/hub/hub.ts'
import { isPublished, publishedData } from '../support/events.ts'
import { createHubHarness } from '../support/hub-harness.ts'
import { iterate } from '../support/iterations.ts'

const ALICE = { client: 'alice' } as const
const BOB = { client: 'bob' } as const
const NEWS = { topic: 'news' } as const

describe('an event for several addresses', () => {
  test('reaches each connection that listens to any of them once, under one id', async () => {
    const { clock, hub, connect } = createHubHarness()
    const alice = await connect('alice', { topics: ['news', 'sport'] })
    const bob = await connect('bob')
    const carol = await connect('carol', { topics: ['news'] })
    const dave = await connect('dave', { topics: ['other'] })
    const { id, connections } = await hub.publish([ALICE, NEWS, BOB, ALICE, { topic: 'sport' }], {
      data: 'x',
    })
    await clock.runPending()
    expect(connections).toBe(3)
    for (const { stream } of [alice, bob, carol]) {
      expect(stream.events.filter(isPublished).map((event) => event.id)).toEqual([id])
    }
    expect(publishedData(dave.stream)).toEqual([])
    expect(hub.stats()).toMatchObject({ published: 1, delivered: 3 })
    expect(hub.stats().metrics.publishes).toEqual({ client: 0, topic: 0, everyone: 0, several: 1 })
  })

  test('is one event in the order of all', async () => {
    const { clock, hub, connect } = createHubHarness()
    const { stream } = await connect('alice', { topics: ['news'] })
    hub.post(ALICE, { data: '1' })
    hub.post([NEWS, ALICE], { data: '2' })
    hub.post(NEWS, { data: '3' })
    hub.post([ALICE, BOB], { data: '4' })
    await clock.runPending()
    expect(publishedData(stream)).toEqual(['1', '2', '3', '4'])
  })

  test('is replayed once, and the same holds for a client that is catching up', async () => {
    const { clock, hub, connect, connectNow } = createHubHarness()
    const { cursor } = hub
    await hub.publish([ALICE, NEWS], { data: '1' })
    await hub.publish([BOB, 'everyone', NEWS], { data: '2' })
    const { stream } = connectNow('alice', { topics: ['news'], lastEventId: cursor })
    await hub.publish([NEWS, ALICE], { data: '3' })
    await clock.runPending()
    const { stream: carols } = await connect('carol', { lastEventId: cursor })
    expect(publishedData(stream)).toEqual(['1', '2', '3'])
    expect(publishedData(carols)).toEqual(['2'])
  })

  test('is lost only to those who listen to none that still has it', async () => {
    const { clock, hub, connect } = createHubHarness({ journalOptions: { maxEvents: 2 } })
    const { cursor } = hub
    await hub.publish([ALICE, BOB], { data: 'both' })
    for (const data of ['1', '2']) await hub.publish(ALICE, { data })
    const alice = await connect('alice', { lastEventId: cursor })
    const bob = await connect('bob', { lastEventId: cursor })
    await clock.runPending()
    const names = ({ stream }: typeof alice) =>
      stream.events.map(({ event, data }) => event ?? data)
    expect(names(alice)).toEqual(['hub:ready', 'hub:gap', '1', '2'])
    expect(names(bob)).toEqual(['hub:ready', 'both'])
  })

  test('that is ephemeral reaches each connection once, and is not stored', async () => {
    const { clock, hub, journal, connect } = createHubHarness()
    const { stream } = await connect('alice', { topics: ['news'] })
    const result = await hub.publish([ALICE, NEWS, 'everyone'], { data: 'x', ephemeral: true })
    await clock.runPending()
    expect(result).toEqual({ connections: 1 })
    expect(publishedData(stream)).toEqual(['x'])
    expect(journal.stats?.events).toBe(0)
  })

  test('names none of them, as all receive the same bytes', async () => {
    const { clock, hub, connect } = createHubHarness()
    const { stream } = await connect('alice', { topics: ['news'] })
    await hub.publish([NEWS, { topic: 'secret' }], { data: 'two' })
    await hub.publish([NEWS], { data: 'one' })
    await clock.runPending()
    const text = new TextDecoder().decode(stream.writes.at(-1))
    expect(text).toMatch(/^id: \S+\ndata: two\n\nid: \S+\n: topic news\ndata: one\n\n$/)
  })

  test('is checked once by the schema of its name', async () => {
    const validate = vi.fn((value: string) => value.toUpperCase())
    const hub = createHub({ events: { greeting: z.string().transform(validate) } })
    await hub.publish([ALICE, BOB, NEWS], { event: 'greeting', data: 'hello' })
    expect(validate).toHaveBeenCalledTimes(1)
    await expect(hub.publish([ALICE, BOB], { event: 'other', data: '' } as never)).rejects.toThrow(
      expect.objectContaining({ code: 'invalid-event' }),
    )
    await hub.close()
  })

  test('reaches a loop over events once, also one that does not listen to everyone', async () => {
    const { clock, hub } = createHubHarness()
    const both = iterate(hub.events([ALICE, NEWS]), clock)
    const one = iterate(hub.events(BOB), clock)
    await Promise.all([both.take(), one.take()])
    await hub.publish(['everyone', ALICE, NEWS, BOB], { data: 'x' })
    await hub.publish(NEWS, { data: 'y' })
    await Promise.all([both.take(), one.take()])
    expect(both.items.map(({ data, topic }) => [data, topic])).toEqual([
      ['x', undefined],
      ['y', 'news'],
    ])
    expect(one.items.map(({ data }) => data)).toEqual(['x'])
    await Promise.all([both.leave(), one.leave()])
  })

  test('that has too many, none, or an invalid one is refused, and not counted', async () => {
    const { hub, journal } = createHubHarness()
    const many = Array.from({ length: 1_001 }, (_, n): Address => ({ client: `client-${n}` }))
    for (const addresses of [[], many, [ALICE, { topic: '' }], [[ALICE]] as never]) {
      await expect(hub.publish(addresses, { data: 'x' })).rejects.toThrow(
        expect.objectContaining({ code: 'invalid-address' }),
      )
    }
    expect([hub.stats().published, journal.head().sequence]).toEqual([0, 0])
    await hub.publish(many.slice(1), { data: 'x' })
    expect(journal.head().sequence).toBe(1)
  })
})
