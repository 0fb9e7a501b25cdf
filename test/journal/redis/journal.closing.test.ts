/** A hub that closes stores in Redis what its hooks post meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import type { HubOptions } from '../../../src/hub/options.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { until } from '../../support/eventually.ts'
import { fakeStream } from '../../support/fake-stream.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { newPrefix } from '../../support/redis-journals.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const PEOPLE = { topic: 'people' }

describe.skipIf(REDIS_IS_MISSING)('a hub with a journal in Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.close())

  async function open(options: HubOptions, prefix = newPrefix(), url = redis.url): Promise<Hub> {
    const hub = createHub({ ...options, journal: createRedisJournal({ url, prefix }) })
    await until('the hub is ready', () => hub.ready)
    return hub
  }

  /** The hooks post why each stream ended, and who is offline. */
  function posting(hub: () => Hub, errors: unknown[], online: string[]): HubOptions {
    const post = (data: string) => hub().post(PEOPLE, { data })
    return {
      onClientOnline: (client) => online.push(client),
      onDisconnect: ({ client }, reason) => post(`${client} ${reason}`),
      onClientOffline: (client) => post(`${client} offline`),
      onError: (error, stage) => errors.push([stage, error]),
    }
  }

  test('stores what the hooks post while it closes', async () => {
    const prefix = newPrefix()
    const errors: unknown[] = []
    const online: string[] = []
    const closing: Hub = await open(
      posting(() => closing, errors, online),
      prefix,
    )
    const other = await open({}, prefix)
    const { id: lastEventId } = await other.publish(PEOPLE, { data: 'start' })
    closing.connect({ client: 'alice', stream: fakeStream() })
    await until('alice is online', () => online.length > 0)
    await closing.close()
    await other.publish(PEOPLE, { data: 'end' })
    const data: string[] = []
    for await (const item of other.events(PEOPLE, { lastEventId })) {
      data.push(item.data)
      if (item.data === 'end') break
    }
    expect({ data, errors }).toEqual({
      data: ['alice shutdown', 'alice offline', 'end'],
      errors: [],
    })
    await other.close()
  })

  test('closes without a Redis that stands still, and reports what was not stored', async () => {
    const proxy = await openTcpProxy(redis.port)
    const errors: unknown[] = []
    const online: string[] = []
    const url = `redis://127.0.0.1:${proxy.port}`
    const hub: Hub = await open(
      posting(() => hub, errors, online),
      newPrefix(),
      url,
    )
    hub.connect({ client: 'alice', stream: fakeStream() })
    await until('alice is online', () => online.length > 0)
    proxy.hold()
    await hub.close()
    // Another hub will report that alice is offline.
    await until('the post has failed', () => errors.length === 1)
    expect(errors).toEqual([['publish', expect.objectContaining({ code: 'journal-unavailable' })]])
    await proxy.close()
  })
})
