/** Ten thousand events through proxies that cut connections at random: repeated with their keys, each is stored once. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { listen } from '../../support/client.ts'
import { until } from '../../support/eventually.ts'
import { type Environment, type Server, startServer } from '../../support/process.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { seeded } from '../../support/seeded-random.ts'

const EVENTS = 10_000
const EVENTS_PER_BATCH = 90
const BATCHES = 100
const AT_ONCE = 16

/** How likely a chunk of a request or of a response is cut. */
const CUT = 0.1

const ROOM: Environment = { CLOCK_SECONDS: '0', JOURNAL_EVENTS: '20000' }

const servers: Server[] = []
let redis: RedisServer | undefined
afterAll(async () => {
  await Promise.all(servers.map((server) => server.kill()))
  await redis?.close()
})

async function start(environment: Environment): Promise<string> {
  const server = await startServer(COMMANDS.node, { ...ROOM, ...environment })
  servers.push(server)
  await until('it is ready', async () => (await fetch(`${server.url}/readyz`)).ok)
  return server.url
}

/** Cuts a connection at random: before a chunk of the request, or in the middle of one of the response. */
async function openCuttingProxy(to: string, random: () => number) {
  const sockets = new Set<Socket>()
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(to).port), '127.0.0.1')
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (random() < CUT) cut()
      else upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (random() >= CUT) client.write(bytes)
      else client.write(bytes.subarray(0, bytes.length / 2), cut)
    })

    function cut(): void {
      cuts += 1
      client.destroy()
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts
    },
  }
}

interface Result {
  readonly id?: string
}

/** Sends a request through one of the proxies after the other, until it is answered as a whole. */
async function untilAnswered<T>(
  urls: readonly string[],
  send: (url: string) => Promise<T | undefined>,
): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await send(urls[attempt % urls.length] ?? '').catch(() => undefined)
    if (answer !== undefined) return answer
  }
  throw new Error('There was no answer after 200 attempts.')
}

/** Publishes one event, with its key in the header. */
async function publishOne(url: string, n: number): Promise<Result[] | undefined> {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': `"event-${n}"` }
  const init = { method: 'POST', headers, body: JSON.stringify({ data: n }) }
  const response = await fetch(`${url}/topics/orders`, init)
  return response.ok ? [(await response.json()) as Result] : undefined
}

/** Publishes lines, each with its key. */
async function publishLines(url: string, all: readonly number[]): Promise<Result[] | undefined> {
  const lines = all.map((n) => `${JSON.stringify({ data: n, idempotencyKey: `event-${n}` })}\n`)
  const headers = { 'Content-Type': 'application/x-ndjson' }
  const init = { method: 'POST', headers, body: lines.join('') }
  const response = await fetch(`${url}/topics/orders`, init)
  const text = await response.text()
  const results = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Result)
  const isWhole = results.length === all.length && results.every(({ id }) => id !== undefined)
  return response.ok && isWhole ? results : undefined
}

/** Runs all tasks, some of them at a time. */
async function runAll(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const left = tasks.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const task of left) await task()
    }),
  )
}

async function storesEachOnce(urls: readonly string[]): Promise<void> {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = seeded(seed)
  const proxies = await Promise.all(urls.map((url) => openCuttingProxy(url, random)))
  const through = proxies.map(({ url }) => url)
  const ids = new Map<number, string | undefined>()
  const numbers = Array.from({ length: EVENTS }, (_, n) => n)
  const tasks = [
    ...Array.from({ length: BATCHES }, (_, batch) => async () => {
      const all = numbers.slice(batch * EVENTS_PER_BATCH, (batch + 1) * EVENTS_PER_BATCH)
      const results = await untilAnswered(through, (url) => publishLines(url, all))
      for (const [index, n] of all.entries()) ids.set(n, results[index]?.id)
    }),
    ...numbers.slice(BATCHES * EVENTS_PER_BATCH).map((n) => async () => {
      const [result] = await untilAnswered(through, (url) => publishOne(url, n))
      ids.set(n, result?.id)
    }),
  ]
  await runAll(tasks.sort(() => random() - 0.5))
  const cuts = proxies.reduce((sum, proxy) => sum + proxy.cuts, 0)
  expect(cuts, `seed ${seed}`).toBeGreaterThan(100)
  const [first = ''] = urls
  await publishOne(first, EVENTS)
  const reader = await listen(first, 'topic=orders', 'earliest')
  await reader.next(({ data }) => data === `${EVENTS}`)
  await reader.close()
  const stored = reader.events.filter(({ event }) => event === undefined).slice(0, -1)
  expect(stored.length, `seed ${seed}`).toBe(EVENTS)
  expect(new Map(stored.map(({ data, id }) => [Number(data), id])), `seed ${seed}`).toEqual(ids)
}

describe(`${EVENTS} events through cut connections are each stored once`, () => {
  test('in memory', async () => {
    await storesEachOnce([await start({})])
  })

  test('in memory, with several processes', async () => {
    await storesEachOnce([await start({ WORKERS: '2' })])
  })

  test.skipIf(REDIS_IS_MISSING)('in Redis, at two instances', async () => {
    redis = await startRedis()
    const environment = { REDIS_URL: redis.url }
    await storesEachOnce([await start(environment), await start(environment)])
  })
})
