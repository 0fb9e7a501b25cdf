/** Three Durable Objects are one hub to the outside. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import {
  ask,
  createDisk,
  dataOf,
  type Listener,
  listen,
  text,
  until,
} from '../../support/worker/edge.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 })

const COUNT = 3
const NAMES = Array.from({ length: 9 }, (_, i) => `user-${i}`)

/** Publishes that each object takes within a minute: more than the tests before the last need. */
const LIMIT = 60

const disk = createDisk()
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

interface Receipt {
  readonly id?: string
  readonly ids?: readonly string[]
  readonly connections: number
}

const totalOf = async () => (await ask<{ total: number }>(`${url}/clients`)).total

async function withAll(work: (streams: readonly Listener[]) => Promise<void>): Promise<void> {
  const streams = await Promise.all(NAMES.map((name) => listen(url, `id=${name}&topic=news`)))
  await work(streams)
  for (const stream of streams) await stream.close()
  await until('all have left', async () => (await totalOf()) === 0)
}

test('clients are on all of them', () => {
  expect(new Set(NAMES.map((name) => shardOf(name, COUNT))).size).toBe(COUNT)
})

test('each client gets what is for it, for its topics and for everyone, in order', async () => {
  await withAll(async (streams) => {
    for (const name of NAMES) {
      const receipt = await ask<Receipt>(`${url}/clients/${name}`, text(`for ${name}`))
      expect(receipt).toEqual({ id: expect.any(String), connections: 1 })
    }
    const topic = await ask<Receipt>(`${url}/topics/news`, text('news'))
    const all = await ask<Receipt>(`${url}/broadcast`, text('all'))
    expect([topic.connections, all.connections]).toEqual([NAMES.length, NAMES.length])
    expect(new Set(all.ids?.map((id) => id.split('-')[0])).size).toBe(COUNT)
    for (const stream of streams) {
      const { id } = await stream.next(({ data }) => data === 'all')
      expect(all.ids).toContain(id)
      expect(dataOf(stream)).toEqual([`for ${stream.ready.client}`, 'news', 'all'])
    }
  })
})

test('presence is of all of them, and one client can be sent away', async () => {
  await withAll(async (streams) => {
    expect(await totalOf()).toBe(NAMES.length)
    const topic = await ask<{ connections: unknown[] }>(`${url}/topics/news?limit=4`)
    expect(topic).toMatchObject({ topic: 'news', total: NAMES.length })
    expect(topic.connections).toHaveLength(4)
    const answer = await ask(`${url}/clients/user-4`, { method: 'DELETE' })
    expect(answer).toEqual({ disconnected: 1, blockedSeconds: 0 })
    await streams[4]?.next(({ event }) => event === 'hub:bye')
    await until('it is gone', async () => (await totalOf()) === NAMES.length - 1)
  })
})

test('who comes without an id is reached by the one it got, and is forgotten when it leaves', async () => {
  const stream = await listen(url, 'topic=news')
  const { client } = stream.ready
  await ask(`${url}/clients/${client}`, text('for you'))
  await stream.next(({ data }) => data === 'for you')
  await stream.close()
  await until('it is forgotten', async () => (await totalOf()) === 0)
})

test('who comes without an id resumes at the object where it was, and gets nothing twice', async () => {
  // The first alone would be right by chance one time in three.
  for (let i = 0; i < 5; i++) {
    const stream = await listen(url, 'topic=news')
    await ask(`${url}/topics/news`, text('one'))
    const { id = '' } = await stream.next(({ data }) => data === 'one')
    await stream.close()
    await ask(`${url}/topics/news`, text('two'))
    const back = await listen(url, 'topic=news', { 'Last-Event-ID': id })
    expect(back.ready.resume).toBe('complete')
    await back.next(({ data }) => data === 'two')
    expect(dataOf(back)).toEqual(['two'])
    await back.close()
  }
})

test('a client resumes at its own object, complete', async () => {
  const { id = '' } = await ask<Receipt>(`${url}/clients/zoe`, text('one'))
  await ask(`${url}/clients/zoe`, text('two'))
  await ask(`${url}/broadcast`, text('three'))
  const back = await listen(url, 'id=zoe', { 'Last-Event-ID': id })
  expect(back.ready.resume).toBe('complete')
  await back.next(({ data }) => data === 'three')
  expect(dataOf(back)).toEqual(['two', 'three'])
  await back.close()
})

test('what the first object lets pass all take, however much some have had of the same publisher', async () => {
  const name = NAMES.find((one) => shardOf(one, COUNT) === 2)
  const publish = async () => (await fetch(`${url}/clients/${name}`, text('much'))).status
  await until('its object takes no more', async () => (await publish()) === 429)
  expect((await ask<Receipt>(`${url}/broadcast`, text('all'))).ids).toHaveLength(COUNT)
  const all = async () => (await fetch(`${url}/broadcast`, text('all'))).status
  await until('the first takes no more', async () => (await all()) === 429)
})
