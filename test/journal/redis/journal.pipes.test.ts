/** Pipes of hubs whose journal is in Redis: any hub stops them, and a hub that closes stores their last events. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { until } from '../../support/eventually.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { newPrefix } from '../../support/redis-journals.ts'

const ALICE = { client: 'alice' }

describe.skipIf(REDIS_IS_MISSING)('a pipe', () => {
  let redis: RedisServer
  const hubs: Hub[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const hub of hubs.splice(0)) await hub.close()
  })
  afterAll(() => redis.close())

  async function openTwo(): Promise<readonly [Hub, Hub]> {
    const prefix = newPrefix()
    const open = async () => {
      const hub = createHub({ journal: createRedisJournal({ url: redis.url, prefix }) })
      hubs.push(hub)
      await until('the hub is ready', () => hub.ready)
      return hub
    }
    return [await open(), await open()]
  }

  /** The first events that are stored for alice. */
  async function stored(hub: Hub, count: number): Promise<readonly string[]> {
    const data: string[] = []
    for await (const item of hub.events(ALICE, { lastEventId: 'earliest' })) {
      if (item.event !== 'hub:gap') data.push(item.data)
      if (data.length === count) break
    }
    return data
  }

  /** A source that says one thing and is silent then. */
  function silent() {
    let isCancelled = false
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
      cancel: () => {
        isCancelled = true
      },
    })
    return { stream, isCancelled: () => isCancelled }
  }

  test('is stopped through another hub', async () => {
    const [one, other] = await openTwo()
    const { stream, isCancelled } = silent()
    const done = one.pipe(ALICE, stream, { key: 'k', onAbort: 'cut-off' })
    await stored(other, 1)
    const coverage = { asked: 2, answered: 2 }
    expect(await other.stop('alice', 'k')).toEqual({ stopped: 1, ...coverage })
    expect(await done).toMatchObject({ published: 1, stopped: true })
    expect(isCancelled()).toBe(true)
    expect(await stored(other, 2)).toEqual(['1', '{"reason":"aborted","key":"k"}'])
    expect(await other.stop('alice', 'k')).toEqual({ stopped: 0, ...coverage })
  })

  test('of the hub that is asked is counted once', async () => {
    const [one] = await openTwo()
    const done = one.pipe(ALICE, silent().stream, { key: 'k' })
    expect(await one.stop('alice', 'k')).toMatchObject({ stopped: 1, asked: 2 })
    expect(await done).toMatchObject({ stopped: true })
  })

  test('of a hub that closes ends with an event that is stored', async () => {
    const [one, other] = await openTwo()
    const done = one.pipe(ALICE, silent().stream, { onAbort: 'cut-off' })
    const failed = expect(done).rejects.toMatchObject({ code: 'hub-closed' })
    await stored(other, 1)
    await one.close()
    await failed
    expect(await stored(other, 2)).toEqual(['1', '{"reason":"closing"}'])
  })
})
