/** Iterations over events of a hub whose journal is in Redis: what other hubs publish, and what a lost connection hid. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import type { EventItem } from '../../../src/hub/subscription/read-items.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { until } from '../../support/eventually.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { newPrefix } from '../../support/redis-journals.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const NEWS = { topic: 'news' }

describe.skipIf(REDIS_IS_MISSING)('an iteration', () => {
  let redis: RedisServer
  const hubs: Hub[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const hub of hubs.splice(0)) await hub.close()
  })
  afterAll(() => redis.close())

  async function open(prefix: string, url = redis.url): Promise<Hub> {
    const hub = createHub({ journal: createRedisJournal({ url, prefix }) })
    hubs.push(hub)
    await until('the hub is ready', () => hub.ready)
    return hub
  }

  test('starts with what was missed and goes on with what any hub publishes', async () => {
    const prefix = newPrefix()
    const [one, other] = [await open(prefix), await open(prefix)]
    const { id: lastEventId } = await other.publish(NEWS, { data: '0' })
    await other.publish(NEWS, { data: '1' })
    await other.publish({ topic: 'sport' }, { data: 'not for it' })
    const data: string[] = []
    for await (const item of one.events(NEWS, { lastEventId })) {
      data.push(item.data)
      if (item.data === '1') await other.publish(NEWS, { data: '2', ephemeral: true })
      if (item.data === '2') await one.publish(NEWS, { data: '3' })
      if (item.data === '3') break
    }
    expect(data).toEqual(['1', '2', '3'])
    // Nobody listens any more, on either hub.
    await until('the hub has unsubscribed', async () => {
      const result = await other.publish(NEWS, { data: 'x' })
      return result.instances === 0
    })
  })

  test('without a cursor starts with the next event', async () => {
    const prefix = newPrefix()
    const [one, other] = [await open(prefix), await open(prefix)]
    await other.publish(NEWS, { data: 'old' })
    const items = one.events(NEWS)[Symbol.asyncIterator]()
    let first: EventItem | undefined
    void items.next().then(({ value }) => {
      first = value
    })
    // It has begun once it has read where the journal ends, which is after Redis has a subscriber.
    await until('the iteration receives an event', async () => {
      await other.publish(NEWS, { data: 'new' })
      return first !== undefined
    })
    expect(first).toMatchObject({ data: 'new', topic: 'news' })
    await items.return?.()
  })

  test('goes on after its hub has lost Redis, without loss', async () => {
    const prefix = newPrefix()
    const proxy = await openTcpProxy(redis.port)
    const [one, other] = [await open(prefix, `redis://127.0.0.1:${proxy.port}`), await open(prefix)]
    const received: EventItem[] = []
    const loop = (async () => {
      for await (const item of one.events(NEWS, { lastEventId: 'earliest' })) {
        received.push(item)
        if (item.data === 'last') break
      }
    })()
    await other.publish(NEWS, { data: '1' })
    await until('the first event is there', () => received.length === 1)
    proxy.cut()
    await until('the hub has noticed', () => !one.ready)
    await other.publish(NEWS, { data: '2' })
    proxy.redirect(redis.port)
    await until('the hub is back', () => one.ready)
    await other.publish(NEWS, { data: 'last' })
    await loop
    expect(received.map(({ data, gap }) => gap ?? data)).toEqual(['1', '2', 'last'])
    await proxy.close()
  })
})
