/** What the statistics and the first page of a list cost does not grow with the number of clients that they do not show. */
import { expect, test } from 'vitest'
import { countSteps } from '../support/collection-steps.ts'
import { createHubHarness, type HubHarness } from '../support/hub-harness.ts'

/** A hub with that many clients, each of which follows two topics. */
async function hubWith(clients: number): Promise<HubHarness> {
  const harness = createHubHarness({ maxConnections: clients })
  for (let n = 0; n < clients; n++) harness.connectNow(`c${n}`, { topics: ['news', `t${n}`] })
  await harness.clock.runPending()
  return harness
}

test.each([
  ['statistics', ({ hub }: HubHarness) => hub.stats()],
  ['the first clients', ({ hub }: HubHarness) => hub.clients(5)],
  ['the first connections', ({ hub }: HubHarness) => hub.connections('everyone', 5)],
])('%s take as many steps among 2,000 clients as among 20', async (_, read) => {
  const [few, many] = [await hubWith(20), await hubWith(2_000)]
  const steps = await countSteps(() => read(few))
  expect(await countSteps(() => read(many))).toBe(steps)
  expect(steps).toBeLessThan(100)
})

test('statistics sum what is queued at every moment of a stream', async () => {
  const { clock, hub, connect, broadcast } = createHubHarness()
  const clients = []
  for (const name of ['alice', 'bob', 'carol', 'dave']) clients.push(await connect(name))
  const [alice, bob, carol] = clients
  const iterator = hub.events('everyone')[Symbol.asyncIterator]()
  await check()
  alice?.stream.stall()
  bob?.stream.stall()
  await broadcast('queued')
  expect((await check()).queuedBytes).toBeGreaterThan(0)
  await clock.runPending()
  expect((await check()).stalled).toBe(2)
  await broadcast('queued after what is being written')
  await check()
  await clock.runPending()
  await check()
  bob?.connection.disconnect()
  expect((await check()).stalled).toBe(1)
  carol?.stream.leave()
  alice?.stream.resume()
  await clock.runPending()
  expect(await check()).toMatchObject({ queuedBytes: 0, longestQueueBytes: 0, stalled: 0 })
  await iterator.return?.()

  async function check() {
    const stats = hub.stats()
    const queues = (await hub.connections('everyone')).rows.map(({ queuedBytes }) => queuedBytes)
    const queuedBytes = queues.reduce((sum, bytes) => sum + bytes, 0)
    expect(stats).toMatchObject({ queuedBytes, longestQueueBytes: Math.max(0, ...queues) })
    return stats
  }
})
