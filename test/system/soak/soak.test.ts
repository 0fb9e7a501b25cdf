/** Soak: 500 clients come and go while events are published; none is lost or delivered twice. */
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Address, createApp, createHub, type Hub } from '../../../src/index.ts'
import { publish } from '../../support/client.ts'
import { countingClock } from '../../support/clock.ts'
import { sequenceOf } from '../../support/event-id.ts'
import { until } from '../../support/eventually.ts'
import { startServer } from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { seeded } from '../../support/seeded-random.ts'
import { createReturningClient, type ReturningClient } from './returning-client.ts'

const SEED = 20_261_122
const CLIENTS = 500
const TOPICS = 10
const SOAK_MS = 5_000
/** However slow the machine is. */
const MIN_EVENTS = 200
const SETTLE_MS = 60_000

/** A published event and its address. */
interface Published {
  readonly address: Address
  readonly sequence: number
}

type Publish = (address: Address, data: string) => Promise<string | undefined>

const clock = countingClock()
let hub: Hub
let server: ServerType

beforeAll(async () => {
  hub = createHub({ clock, heartbeatMs: 1_000, clockMs: 500, lifetimeMs: 3_000 })
  const { fetch } = createApp({ hub, access: 'anyone' })
  await new Promise<void>((resolve) => {
    server = serve({ fetch, port: 0, hostname: '127.0.0.1' }, () => resolve())
  })
})

afterAll(async () => {
  await hub.close()
  server.close()
})

test('500 clients that come and go miss nothing, receive nothing twice, and leave nothing behind', async () => {
  const { port } = server.address() as AddressInfo
  const publishHere: Publish = async (address, data) => (await hub.publish(address, { data })).id
  await soak(`http://127.0.0.1:${port}`, publishHere)
  await until('the hub is empty', () => hub.stats().connections + hub.stats().closing === 0)
  expect(hub.stats()).toMatchObject({ connections: 0, clients: 0, topics: 0, closing: 0 })
  expect(clock.timers).toBe(0)
})

test('the same holds for the Node server', async () => {
  const node = await startServer(COMMANDS.node, { HEARTBEAT_SECONDS: '1', LIFETIME_SECONDS: '3' })
  const { url } = node
  try {
    await soak(url, async (address, data) => (await publish(url, pathOf(address), data)).id)
    await until('nobody is listed', async () => {
      const { total } = (await (await fetch(`${url}/clients`)).json()) as { total: number }
      return total === 0
    })
    expect(node.stderr).toBe('')
    node.signal('SIGTERM')
    expect(await node.exit).toBe(0)
  } finally {
    await node.kill()
  }
})

/** Lets clients come and go for a while, reconnects all, checks what each received, disconnects. */
async function soak(url: string, publishAt: Publish): Promise<void> {
  const random = seeded(SEED)
  const clients = Array.from({ length: CLIENTS }, (_, n) =>
    createReturningClient(url, `client-${n}`, `topic-${n % TOPICS}`),
  )
  const published: Published[] = []
  const end = Date.now() + SOAK_MS
  while (Date.now() < end || published.length < MIN_EVENTS) {
    for (let n = 0; n < 20; n++) move(pick(clients, random), random)
    published.push(...(await publishSome(publishAt, random)))
    await turn()
  }
  await until('all have all', () => haveAll(clients, published), SETTLE_MS)
  for (const one of clients) {
    expect(one.received, one.client).toEqual(expectedOf(one, published))
    expect(one.problems, one.client).toEqual([])
  }
  for (const one of clients) one.leave()
}

function move(one: ReturningClient, random: () => number): void {
  if (one.isConnected && random() < 0.5) one.leave()
  else one.connect()
}

/** Publishes two events to single clients, one to a topic, and sometimes one to everyone. */
async function publishSome(publishAt: Publish, random: () => number): Promise<Published[]> {
  const addresses: Address[] = [
    { client: `client-${Math.floor(random() * CLIENTS)}` },
    { client: `client-${Math.floor(random() * CLIENTS)}` },
    { topic: `topic-${Math.floor(random() * TOPICS)}` },
    ...(random() < 0.2 ? (['everyone'] as const) : []),
  ]
  return Promise.all(
    addresses.map(async (address) => {
      const id = await publishAt(address, JSON.stringify(address))
      return { address, sequence: sequenceOf(id ?? '') }
    }),
  )
}

/** Reconnects absent clients; true when every client has as many events as it should. */
function haveAll(clients: readonly ReturningClient[], published: readonly Published[]): boolean {
  for (const one of clients) one.connect()
  return clients.every(
    (one) => one.since !== undefined && one.received.length >= expectedOf(one, published).length,
  )
}

/** The events a client must have received: all addressed to it since its first stream opened. */
function expectedOf(one: ReturningClient, published: readonly Published[]): number[] {
  const since = one.since ?? Number.POSITIVE_INFINITY
  return published
    .filter(({ address, sequence }) => sequence > since && isFor(address, one))
    .map(({ sequence }) => sequence)
    .sort((a, b) => a - b)
}

function isFor(address: Address, one: ReturningClient): boolean {
  if (address === 'everyone') return true
  return 'client' in address ? address.client === one.client : address.topic === one.topic
}

function pathOf(address: Address): string {
  if (address === 'everyone') return '/broadcast'
  return 'client' in address ? `/clients/${address.client}` : `/topics/${address.topic}`
}

function pick<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new Error('There is nothing to pick from.')
  return item
}

/** Yields to the sockets. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10))
}
