/** What servers tell a receiver, on each runtime, when they stop, and when an instance or a worker is killed. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { childrenOf } from '../../support/children.ts'
import { eventually, until } from '../../support/eventually.ts'
import { type Environment, type Server, startServer } from '../../support/process.ts'
import { type Reader, readEvents } from '../../support/reader.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { COMMANDS, type RuntimeName } from '../../support/runtimes.ts'
import {
  startWebhookReceiver,
  WEBHOOK_SECRET,
  type WebhookReceiver,
} from '../../support/webhook-receiver.ts'

// A dead instance is noticed after fifteen seconds.
vi.setConfig({ testTimeout: 90_000 })
const NOTICED_MS = 90_000

let receiver: WebhookReceiver
const servers: Server[] = []
const streams: Reader[] = []

beforeEach(async () => {
  receiver = await startWebhookReceiver()
})
afterEach(async () => {
  for (const stream of streams.splice(0)) await stream.close()
  for (const server of servers.splice(0)) await server.kill()
  await receiver.close()
})

async function start(name: RuntimeName, environment: Environment = {}): Promise<Server> {
  const server = await startServer(COMMANDS[name], {
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET,
    OFFLINE_GRACE_SECONDS: '0.5',
    CLOCK_SECONDS: '0',
    ...environment,
  })
  servers.push(server)
  await until('it is ready', async () => (await fetch(`${server.url}/readyz`)).ok)
  return server
}

async function connect({ url }: Server, client: string): Promise<Reader> {
  const stream = readEvents(await fetch(`${url}/sse?id=${client}`))
  await stream.next(({ event }) => event === 'hub:ready')
  streams.push(stream)
  return stream
}

const arrives = (event: string) => until(event, () => receiver.events.includes(event), NOTICED_MS)

/** What the receiver was told last about each client. */
const known = () => Object.fromEntries(receiver.received.map(({ client, type }) => [client, type]))

describe.each(['node', 'bun', 'deno'] as const)('a server on %s', (name) => {
  test('says who comes online and goes offline, and at its end that all are', async () => {
    const server = await start(name)
    const alice = await connect(server, 'alice')
    await connect(server, 'bob')
    await arrives('bob online')
    await alice.close()
    await arrives('alice offline')
    server.signal('SIGTERM')
    expect(await server.exit).toBe(0)
    expect(receiver.events.toSorted()).toEqual([
      'alice offline',
      'alice online',
      'bob offline',
      'bob online',
    ])
    expect(receiver.forged).toBe(0)
  })

  test('sends what failed again, and logs neither the URL nor the secret', async () => {
    const { port } = new URL(receiver.url)
    await receiver.close()
    const server = await start(name)
    await connect(server, 'alice')
    await until('a failure', () => server.lines.join().includes('a webhook failed'))
    receiver = await startWebhookReceiver(WEBHOOK_SECRET, Number(port))
    await arrives('alice online')
    server.signal('SIGTERM')
    await server.exit
    expect(receiver.events).toEqual(['alice online', 'alice offline'])
    expect(server.lines.join() + server.stderr).not.toMatch(/in-the-url|whsec|webhooks\?/)
  })
})

describe.skipIf(REDIS_IS_MISSING)('two instances on one Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.close())

  test('say once that the clients of the one that was killed are offline', async () => {
    const [killed, other] = [
      await start('node', { REDIS_URL: redis.url }),
      await start('node', { REDIS_URL: redis.url }),
    ]
    for (const client of ['alice', 'bob']) await connect(killed, client)
    await connect(other, 'carol')
    for (const client of ['alice', 'bob', 'carol']) await arrives(`${client} online`)
    await killed.kill()
    await connect(other, 'bob')
    await arrives('alice offline')
    other.signal('SIGTERM')
    expect(await other.exit).toBe(0)
    expect(receiver.events.toSorted()).toEqual(
      ['alice', 'bob', 'carol'].flatMap((client) => [`${client} offline`, `${client} online`]),
    )
  })
})

test('two workers say once who is online and offline, also when one of them is killed', async () => {
  const server = await start('node', { WORKERS: '2' })
  const clients = Array.from({ length: 20 }, (_, n) => `client-${n}`)
  await Promise.all(clients.map((client) => connect(server, client)))
  await eventually(() => expect(Object.keys(known())).toHaveLength(20))
  expect(receiver.events.every((event) => event.endsWith(' online'))).toBe(true)
  expect(receiver.events).toHaveLength(20)

  const [worker = 0] = childrenOf(server.pid)
  process.kill(worker, 'SIGKILL')
  await eventually(() => {
    const offline = streams.filter(({ ended }) => ended).length
    expect(offline).toBeGreaterThan(0)
    expect(Object.values(known()).filter((type) => type === 'client.offline')).toHaveLength(offline)
  })
  server.signal('SIGTERM')
  expect(await server.exit).toBe(0)
  expect(new Set(Object.values(known()))).toEqual(new Set(['client.offline']))
  expect(new Set(receiver.events).size).toBe(40)
})
