/** Three Durable Objects act as one hub. */
import { type OutgoingHttpHeaders, request } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { type Listener, listen, requestJson, textBody } from '../../support/client.ts'
import { publishedData } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { createWorkerStorage } from '../../support/worker/edge.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 })

const COUNT = 3
const NAMES = Array.from({ length: 9 }, (_, i) => `user-${i}`)

/** Events that each shard accepts within a minute: more than the tests before the last one publish. */
const LIMIT = 60

const disk = createWorkerStorage()
let url = ''
beforeAll(async () => {
  const environment = {
    HUB_SHARDS: `${COUNT}`,
    HEARTBEAT_SECONDS: '1',
    PUBLISHES_PER_MINUTE: `${LIMIT}`,
  }
  url = (await disk.start(environment)).url
})
afterAll(disk.remove)

interface Published {
  readonly id?: string
  readonly ids?: readonly string[]
  readonly connections: number
}

const totalOf = async () => (await requestJson<{ total: number }>(`${url}/clients`)).total

async function withAllClients(
  work: (streams: readonly Listener[]) => Promise<void>,
): Promise<void> {
  const streams = await Promise.all(NAMES.map((name) => listen(url, `id=${name}&topic=news`)))
  await work(streams)
  for (const stream of streams) await stream.close()
  await until('all clients have left', async () => (await totalOf()) === 0)
}

test('every shard has clients', () => {
  expect(new Set(NAMES.map((name) => shardOf(name, COUNT))).size).toBe(COUNT)
})

test('each client receives events for itself, its topics and everyone, in order', async () => {
  await withAllClients(async (streams) => {
    for (const name of NAMES) {
      const published = await requestJson<Published>(
        `${url}/clients/${name}`,
        textBody(`for ${name}`),
      )
      expect(published).toEqual({ id: expect.any(String), connections: 1 })
    }
    const topic = await requestJson<Published>(`${url}/topics/news`, textBody('news'))
    const all = await requestJson<Published>(`${url}/broadcast`, textBody('all'))
    expect([topic.connections, all.connections]).toEqual([NAMES.length, NAMES.length])
    expect(new Set(all.ids?.map((id) => id.split('-')[0])).size).toBe(COUNT)
    for (const stream of streams) {
      const { id } = await stream.next(({ data }) => data === 'all')
      expect(all.ids).toContain(id)
      expect(publishedData(stream)).toEqual([`for ${stream.ready.client}`, 'news', 'all'])
    }
  })
})

test('followers of a pattern on every shard receive each event for its topics once, also later', async () => {
  const streams = await Promise.all(
    NAMES.map((name) => listen(url, `id=${name}&topic=orders/*&topic=orders/1`)),
  )
  const publish = (topic: string) =>
    requestJson<Published>(`${url}/topics/${encodeURIComponent(topic)}`, textBody(topic))
  expect((await publish('orders/1')).connections).toBe(NAMES.length)
  expect((await publish('orders/1/items')).connections).toBe(0)
  const cursors = await Promise.all(
    streams.map(async (stream) => (await stream.next(({ data }) => data === 'orders/1')).id),
  )
  for (const stream of streams) await stream.close()
  await publish('orders/2')
  for (const [index, name] of NAMES.entries()) {
    const back = await listen(url, `id=${name}&topic=orders/**`, cursors[index])
    await back.next(({ data }) => data === 'orders/2')
    expect(back.ready.resume).toBe('complete')
    expect(publishedData(back)).toEqual(['orders/1/items', 'orders/2'])
    await back.close()
  }
  await until('all clients have left', async () => (await totalOf()) === 0)
})

test('presence covers all shards, and a single client can be disconnected', async () => {
  await withAllClients(async (streams) => {
    expect(await totalOf()).toBe(NAMES.length)
    const topic = await requestJson<{ connections: unknown[] }>(`${url}/topics/news?limit=4`)
    expect(topic).toMatchObject({ topic: 'news', total: NAMES.length })
    expect(topic.connections).toHaveLength(4)
    const answer = await requestJson(`${url}/clients/user-4`, { method: 'DELETE' })
    expect(answer).toEqual({ disconnected: 1, blockedSeconds: 0 })
    await streams[4]?.next(({ event }) => event === 'hub:bye')
    await until('it has left', async () => (await totalOf()) === NAMES.length - 1)
  })
})

test('a client without an id is reachable by its generated id until it leaves', async () => {
  const stream = await listen(url, 'topic=news')
  const { client } = stream.ready
  await requestJson(`${url}/clients/${client}`, textBody('for you'))
  await stream.next(({ data }) => data === 'for you')
  await stream.close()
  await until('it has left', async () => (await totalOf()) === 0)
})

test('a client without an id resumes on its own shard, without duplicates', async () => {
  // A single attempt could find the right shard by chance.
  for (let i = 0; i < 5; i++) {
    const stream = await listen(url, 'topic=news')
    await requestJson(`${url}/topics/news`, textBody('one'))
    const { id = '' } = await stream.next(({ data }) => data === 'one')
    await stream.close()
    await requestJson(`${url}/topics/news`, textBody('two'))
    const back = await listen(url, 'topic=news', id)
    expect(back.ready.resume).toBe('complete')
    await back.next(({ data }) => data === 'two')
    expect(publishedData(back)).toEqual(['two'])
    await back.close()
  }
})

test('a client resumes on its own shard, completely', async () => {
  const { id = '' } = await requestJson<Published>(`${url}/clients/zoe`, textBody('one'))
  await requestJson(`${url}/clients/zoe`, textBody('two'))
  await requestJson(`${url}/broadcast`, textBody('three'))
  const back = await listen(url, 'id=zoe', id)
  expect(back.ready.resume).toBe('complete')
  await back.next(({ data }) => data === 'three')
  expect(publishedData(back)).toEqual(['two', 'three'])
  await back.close()
})

test('no request from outside can fence a shard', async () => {
  const { id = '' } = await requestJson<Published>(`${url}/clients/zoe`, textBody('one'))
  for (const path of ['/fence', '/rpc/fence', '/1']) {
    for (const Host of ['hub.invalid', new URL(url).host]) {
      expect(await statusOf('POST', path, { Host })).toBe(404)
    }
  }
  const stream = await listen(url, 'id=zoe', id)
  expect(stream.ready.resume).toBe('complete')
  await stream.close()
})

/** `fetch` can't set `Host`. */
function statusOf(method: string, path: string, headers: OutgoingHttpHeaders) {
  return new Promise<number | undefined>((resolve, reject) => {
    const sent = request(url + path, { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.once('error', reject).end()
  })
}

test('every shard accepts what the first shard accepts, even if its own rate limit is exceeded', async () => {
  const name = NAMES.find((one) => shardOf(one, COUNT) === 2)
  const publish = async () => (await fetch(`${url}/clients/${name}`, textBody('too much'))).status
  await until('its shard refuses more', async () => (await publish()) === 429)
  expect((await requestJson<Published>(`${url}/broadcast`, textBody('all'))).ids).toHaveLength(
    COUNT,
  )
  const all = async () => (await fetch(`${url}/broadcast`, textBody('all'))).status
  await until('the first shard refuses more', async () => (await all()) === 429)
})
