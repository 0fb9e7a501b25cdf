/** What Durable Objects tell a receiver: also after they were killed, while it fails, and when the number of shards changes. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { listen, requestJson } from '../../support/client.ts'
import { until } from '../../support/eventually.ts'
import {
  startWebhookReceiver,
  WEBHOOK_SECRET,
  type WebhookReceiver,
} from '../../support/webhook-receiver.ts'
import {
  createWorkerStorage,
  type RunningWorker,
  type WorkerStorage,
} from '../../support/worker/edge.ts'
import type { Inspection } from '../../support/worker/timers-object.ts'

// After a restart, clients have ten seconds to return.
vi.setConfig({ testTimeout: 180_000 })
const ARRIVES_MS = 120_000

let disk: WorkerStorage
let receiver: WebhookReceiver
beforeEach(async () => {
  disk = createWorkerStorage()
  receiver = await startWebhookReceiver()
})
afterEach(async () => {
  await disk.remove()
  await receiver.close()
})

function start(environment: Readonly<Record<string, string>> = {}): Promise<RunningWorker> {
  return disk.start({
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET,
    OFFLINE_GRACE_SECONDS: '0.5',
    HEARTBEAT_SECONDS: '0.5',
    ...environment,
  })
}

const connect = ({ url }: RunningWorker, client: string) => listen(url, `id=${client}`)
const arrives = (event: string) => until(event, () => receiver.events.includes(event), ARRIVES_MS)

test('an object says who comes online and goes offline', async () => {
  const worker = await start()
  const first = await connect(worker, 'alice')
  const second = await connect(worker, 'alice')
  await connect(worker, 'bob')
  await first.close()
  await second.close()
  await arrives('alice offline')
  await arrives('bob online')
  expect(receiver.events.toSorted()).toEqual(['alice offline', 'alice online', 'bob online'])
  expect(receiver.forged).toBe(0)
})

test('after a crash, those who do not return are offline, and those who do were never offline', async () => {
  const before = await start()
  for (const client of ['alice', 'bob', 'carol']) await connect(before, client)
  for (const client of ['alice', 'bob', 'carol']) await arrives(`${client} online`)
  await before.kill()

  const after = await start()
  const carol = await connect(after, 'carol')
  await arrives('alice offline')
  await arrives('bob offline')
  await carol.close()
  await arrives('carol offline')
  expect(receiver.events.slice(3).toSorted()).toEqual([
    'alice offline',
    'bob offline',
    'carol offline',
  ])
})

test('its alarm wakes an object that nobody connects to, and what was not delivered is sent', async () => {
  const { port } = new URL(receiver.url)
  await receiver.close()
  const before = await start({ OFFLINE_GRACE_SECONDS: '2' })
  const alice = await connect(before, 'alice')
  await alice.close()
  await until(
    'alice has left',
    async () => (await requestJson<{ total: number }>(`${before.url}/clients`)).total === 0,
  )
  await before.kill()
  receiver = await startWebhookReceiver(WEBHOOK_SECRET, Number(port))
  await start({ OFFLINE_GRACE_SECONDS: '2' })
  await arrives('alice offline')
  expect(receiver.events).toEqual(['alice online', 'alice offline'])
})

test('what the receiver refuses is sent again, and nothing of it after it was accepted', async () => {
  receiver.answer = (response) => void response.writeHead(500).end()
  const before = await start()
  await connect(before, 'alice')
  await until('a second attempt', () => receiver.received.length > 1)
  receiver.answer = (response) => void response.writeHead(204).end()
  const metrics = async ({ url }: RunningWorker) => await (await fetch(`${url}/metrics`)).text()
  await until('it is accepted', async () =>
    (await metrics(before)).includes('hono_sse_webhooks_total{result="delivered"} 1'),
  )
  await before.kill()
  const count = receiver.received.length
  const after = await start()
  await connect(after, 'alice')
  await connect(after, 'bob')
  await arrives('bob online')
  expect(receiver.events.slice(count)).toEqual(['bob online'])
})

/** workerd evicts an object from memory after ten seconds without a request, unless something keeps it there. */
const idle = () => new Promise((resolve) => setTimeout(resolve, 11_000))

test('while a client is about to go offline, the object stays in memory, and afterwards nothing keeps it there', async () => {
  const entry = { ENTRYPOINT: 'test/support/worker/timers-object.ts' }
  const worker = await start({ ...entry, OFFLINE_GRACE_SECONDS: '20' })
  const inspect = () => requestJson<Inspection>(`${worker.url}/inspect`)
  const alice = await connect(worker, 'alice')
  const { lifetime } = await inspect()
  await alice.close()
  await arrives('alice offline')
  expect((await inspect()).lifetime).toBe(lifetime)
  await until('no timer is set', async () => (await inspect()).timers.length === 0)
  await idle()
  expect((await inspect()).lifetime).not.toBe(lifetime)
})

/** Clients that belong to `shard` of two shards. */
function clientsOf(shard: number): readonly string[] {
  const names = Array.from({ length: 20 }, (_, i) => `user-${i}`)
  return names.filter((one) => shardOf(one, 2) === shard)
}

test('a client that moves to another shard is not reported offline by the one before, and one that is gone is', async () => {
  const [stayed = ''] = clientsOf(0)
  const [moved = '', gone = '', late = ''] = clientsOf(1)
  const one = await start()
  for (const client of [moved, gone, stayed]) await connect(one, client)
  for (const client of [moved, gone, stayed]) await arrives(`${client} online`)
  await one.kill()

  // The first object asks the second one about both that have moved.
  const two = await start({ HUB_SHARDS: '2' })
  for (const client of [moved, stayed, late]) await connect(two, client)
  await arrives(`${gone} offline`)
  await arrives(`${late} online`)
  await two.kill()

  // And the other way round.
  const again = await start()
  await connect(again, moved)
  await arrives(`${stayed} offline`)
  await arrives(`${late} offline`)
  expect(receiver.events.filter((event) => event.startsWith(`${moved} `))).toEqual(
    Array.from({ length: 3 }, () => `${moved} online`),
  )
  expect(new Set(receiver.events).size).toBe(receiver.events.length - 2)
})

test('a client that moves to another shard and back is not left offline', async () => {
  const [moved = ''] = clientsOf(1)
  const one = await start()
  await connect(one, moved)
  await arrives(`${moved} online`)
  await one.kill()

  const two = await start({ HUB_SHARDS: '2' })
  const stream = await connect(two, moved)
  await until('online at its new shard', () => receiver.events.length === 2, ARRIVES_MS)
  await stream.close()
  await arrives(`${moved} offline`)
  await two.kill()

  // Within the time that the first object gives clients to return.
  const again = await start()
  await connect(again, moved)
  await until('online again', () => receiver.events.length === 4, ARRIVES_MS)
  expect(receiver.events.at(-1)).toBe(`${moved} online`)
})
