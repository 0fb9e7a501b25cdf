/** The registry: which clients are connected. */
import { expect, test } from 'vitest'
import { type Address, clientKey } from '../../../src/core/address.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import type { Journal } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { createHubHarness } from '../../support/hub-harness.ts'

test('the hub counts connections, clients and topics, and removes clients that left', async () => {
  const { clock, hub, connect } = createHubHarness()
  const phone = await connect('alice', { topics: ['news'] })
  const laptop = await connect('alice', { topics: ['news', 'sport'] })
  const bob = await connect('bob', { topics: ['sport'] })
  expect(hub.stats()).toMatchObject({ connections: 3, clients: 2, topics: 2 })
  phone.stream.leave()
  laptop.stream.leave()
  await clock.runPending()
  expect(hub.stats()).toMatchObject({ connections: 1, clients: 1, topics: 1 })
  bob.stream.leave()
  await clock.runPending()
  expect(hub.stats()).toMatchObject({ connections: 0, clients: 0, topics: 0 })
  expect(await hub.clients()).toEqual({ rows: [], total: 0 })
})

test('connections are found by address', async () => {
  const { hub, connect } = createHubHarness()
  const phone = await connect('alice', { topics: ['news'] })
  const laptop = await connect('alice')
  const bob = await connect('bob', { topics: ['news'] })
  const [a, b, c] = [phone, laptop, bob].map(({ connection }) => connection.id)
  expect(await idsAt('everyone')).toEqual([a, b, c])
  expect(await idsAt({ client: 'alice' })).toEqual([a, b])
  expect(await idsAt({ topic: 'news' })).toEqual([a, c])
  expect(await idsAt({ topic: 'alice' })).toEqual([])
  expect(await clientsOf(hub)).toEqual(['alice', 'bob'])

  async function idsAt(address: Address): Promise<string[]> {
    return (await hub.connections(address)).rows.map(({ connection }) => connection)
  }
})

test.each([1, 2])('a list of %d connections is a snapshot', async (count) => {
  const { hub, connectNow } = createHubHarness()
  for (let n = 0; n < count; n++) await connectNow('alice')
  const before = await hub.connections({ client: 'alice' })
  await connectNow('alice')
  expect(before.rows).toHaveLength(count)
  expect((await hub.connections({ client: 'alice' })).total).toBe(count + 1)
})

test('a list is cut at its limit, and says how many there are', async () => {
  const { hub, connect } = createHubHarness()
  for (const client of ['alice', 'bob', 'carol']) await connect(client, { topics: ['news'] })
  expect(await hub.clients(2)).toMatchObject({
    rows: [{ client: 'alice' }, { client: 'bob' }],
    total: 3,
  })
  expect(await hub.connections({ topic: 'news' }, 1)).toMatchObject({
    rows: [{ client: 'alice' }],
    total: 3,
  })
})

test('a connection reports its client, connect time and queued bytes', async () => {
  const { clock, hub, connect, broadcast } = createHubHarness()
  const start = clock.now()
  const { stream, connection } = await connect('alice', { topics: ['news'] })
  await clock.advance(1_000)
  expect(connection).toMatchObject({ client: 'alice', topics: ['news'], since: start })
  expect(connection.queuedBytes).toBe(0)
  stream.stall()
  await broadcast('x'.repeat(100))
  expect(connection.queuedBytes).toBeGreaterThan(100)
  await clock.runPending()
  expect(connection.queuedBytes).toBeGreaterThan(100)
  stream.resume()
  await clock.runPending()
  expect(connection.queuedBytes).toBe(0)
  const other = await connect('bob')
  expect(other.connection.id).not.toBe(connection.id)
  expect(hub.stats().connections).toBe(2)
})

test('names with a meaning in JavaScript are ordinary names', async () => {
  const { clock, hub, connect } = createHubHarness()
  const odd = ['c:a', 't:a', 'p:a', '__proto__', 'constructor']
  for (const name of odd) await connect(name, { topics: odd })
  expect(hub.stats()).toMatchObject({ connections: 5, clients: 5, topics: 5 })
  expect(await clientsOf(hub)).toEqual(odd)
  expect(await hub.publish({ client: 'p:a' }, { data: 'x' })).toMatchObject({ connections: 1 })
  expect(await hub.publish({ topic: 'p:a' }, { data: 'x' })).toMatchObject({ connections: 5 })
  await clock.runPending()
})

test('totals since the start count publishes and deliveries', async () => {
  const { hub, connect, broadcast } = createHubHarness()
  await broadcast('to nobody')
  await connect('alice')
  await connect('bob')
  await broadcast('a', 'b')
  await hub.publish({ client: 'bob' }, { data: 'c', ephemeral: true })
  await expect(hub.publish('everyone', { data: undefined })).rejects.toThrow()
  expect(hub.stats()).toMatchObject({ published: 4, delivered: 5 })
})

async function clientsOf(hub: Hub): Promise<string[]> {
  return (await hub.clients()).rows.map(({ client }) => client)
}

test('a journal that counts connections learns each change, and what it counts is returned', async () => {
  const counts: (readonly [string, number])[] = []
  const inner = createMemoryJournal()
  const journal: Journal = {
    ...inner,
    append: async (key, event) => ({ ...(await inner.append(key, event)), connections: 7 }),
    backplane: {
      count: (key, connections) => void counts.push([key, connections]),
      relay: async () => ({ connections: 8 }),
      request: async () => ({ responses: [], asked: 0 }),
      useOnce: () => true,
    },
  }
  const { clock, hub, connect } = createHubHarness({ journal: () => journal })
  const [phone, laptop] = [await connect('alice'), await connect('alice')]
  const alice = clientKey('alice')
  expect(counts.filter(([key]) => key === alice).map(([, count]) => count)).toEqual([1, 2])
  expect(await hub.publish({ client: 'alice' }, { data: 'a' })).toMatchObject({ connections: 7 })
  const ephemeral = { data: 'b', ephemeral: true }
  expect(await hub.publish({ client: 'alice' }, ephemeral)).toEqual({ connections: 8 })
  for (const { stream } of [phone, laptop]) stream.leave()
  await clock.runPending()
  expect(counts.filter(([key]) => key === alice).map(([, count]) => count)).toEqual([1, 2, 1, 0])
  expect(counts.at(-1)?.[1]).toBe(0)
})
