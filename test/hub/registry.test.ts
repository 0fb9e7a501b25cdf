/** The registry: which clients are connected. */
import { expect, test } from 'vitest'
import { createHubHarness } from '../support/hub-harness.ts'

test('the hub counts connections, clients and topics, and removes clients that left', async () => {
  const { clock, hub, enter } = createHubHarness()
  const phone = await enter('alice', { topics: ['news'] })
  const laptop = await enter('alice', { topics: ['news', 'sport'] })
  const bob = await enter('bob', { topics: ['sport'] })
  expect(hub.stats()).toMatchObject({ connections: 3, clients: 2, topics: 2 })
  phone.stream.leave()
  laptop.stream.leave()
  await clock.settle()
  expect(hub.stats()).toMatchObject({ connections: 1, clients: 1, topics: 1 })
  bob.stream.leave()
  await clock.settle()
  expect(hub.stats()).toMatchObject({ connections: 0, clients: 0, topics: 0 })
  expect([...hub.clients()]).toEqual([])
})

test('connections are found by address', async () => {
  const { hub, enter } = createHubHarness()
  const phone = await enter('alice', { topics: ['news'] })
  const laptop = await enter('alice')
  const bob = await enter('bob', { topics: ['news'] })
  const [a, b, c] = [phone, laptop, bob].map(({ connection }) => connection)
  expect([...hub.listeners('everyone')]).toEqual([a, b, c])
  expect([...hub.listeners({ client: 'alice' })]).toEqual([a, b])
  expect([...hub.listeners({ topic: 'news' })]).toEqual([a, c])
  expect([...hub.listeners({ topic: 'alice' })]).toEqual([])
  expect([...hub.clients()]).toEqual(['alice', 'bob'])
})

test.each([1, 2])('a list of %d connections is a snapshot', async (count) => {
  const { hub, join } = createHubHarness()
  for (let n = 0; n < count; n++) await join('alice')
  const before = hub.listeners({ client: 'alice' })
  await join('alice')
  expect(before.size).toBe(count)
  expect(hub.listeners({ client: 'alice' }).size).toBe(count + 1)
})

test('a connection reports its client, connect time and queued bytes', async () => {
  const { clock, hub, enter, tell } = createHubHarness()
  const start = clock.now()
  const { stream, connection } = await enter('alice', { topics: ['news'] })
  await clock.advance(1_000)
  expect(connection).toMatchObject({ client: 'alice', topics: ['news'], since: start })
  expect(connection.queuedBytes).toBe(0)
  stream.stall()
  await tell('x'.repeat(100))
  expect(connection.queuedBytes).toBeGreaterThan(100)
  await clock.settle()
  expect(connection.queuedBytes).toBeGreaterThan(100)
  stream.resume()
  await clock.settle()
  expect(connection.queuedBytes).toBe(0)
  const other = await enter('bob')
  expect(other.connection.id).not.toBe(connection.id)
  expect(hub.stats().connections).toBe(2)
})

test('names with a meaning in JavaScript are ordinary names', async () => {
  const { clock, hub, enter } = createHubHarness()
  const odd = ['**', 'c:a', 't:a', '__proto__', 'constructor']
  for (const name of odd) await enter(name, { topics: odd })
  expect(hub.stats()).toMatchObject({ connections: 5, clients: 5, topics: 5 })
  expect([...hub.clients()]).toEqual(odd)
  expect(await hub.publish({ client: '**' }, { data: 'x' })).toMatchObject({ connections: 1 })
  expect(await hub.publish({ topic: '**' }, { data: 'x' })).toMatchObject({ connections: 5 })
  await clock.settle()
})

test('totals since the start count publishes and deliveries', async () => {
  const { hub, enter, tell } = createHubHarness()
  await tell('to nobody')
  await enter('alice')
  await enter('bob')
  await tell('a', 'b')
  await hub.publish({ client: 'bob' }, { data: 'c', ephemeral: true })
  await expect(hub.publish('everyone', { data: undefined })).rejects.toThrow()
  expect(hub.stats()).toMatchObject({ published: 4, delivered: 5 })
})
