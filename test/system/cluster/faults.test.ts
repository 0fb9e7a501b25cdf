/** Faults while clients roam and events flow: no acknowledged event is lost without a gap. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { until } from '../../support/eventually.ts'
import { startRedisPair } from '../../support/failover.ts'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import { type Cluster, type SharedRedis, startCluster } from './cluster.ts'
import { createDeliveryCheck, type DeliveryCheck, type DeliveryReport } from './delivery-check.ts'

// Three runtimes, Redis and 60 clients share a few cores.
vi.setConfig({ testTimeout: 60_000 })

const CLIENTS = 60
const BEFORE = 100
const MEANWHILE = 500
const AFTER = 100

/** Starts a cluster and its clients, and publishes before, during and after a fault. */
function createFaultHarness<Redis extends SharedRedis>(start: () => Promise<Redis>) {
  const at: { cluster?: Cluster<Redis>; check?: DeliveryCheck } = {}
  beforeAll(async () => {
    at.cluster = await startCluster(await start(), { JOURNAL_EVENTS: '20000' })
    at.check = createDeliveryCheck(at.cluster.instances, CLIENTS)
    await at.check.connect()
  })
  afterAll(async () => {
    at.check?.stop()
    await at.cluster?.stop()
  })
  return async (fault: (cluster: Cluster<Redis>) => Promise<void>): Promise<DeliveryReport> => {
    const { cluster, check } = at
    if (!cluster || !check) throw new Error('The cluster has not started.')
    await check.publish(BEFORE)
    await Promise.all([check.publish(MEANWHILE), fault(cluster)])
    await cluster.recovered()
    await check.publish(AFTER)
    const found = await check.report()
    console.info(expect.getState().currentTestName, JSON.stringify(found))
    expect(found.acknowledged).toBeGreaterThan(BEFORE + AFTER)
    return found
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(REDIS_IS_MISSING)('a cluster whose Redis syncs every write to disk', () => {
  const suffer = createFaultHarness(() => startRedis('always'))

  test('loses nothing that was acknowledged when Redis is killed and comes back', async () => {
    const found = await suffer(async ({ redis }) => {
      await redis.crash()
      await redis.restart()
    })
    expect(found).toMatchObject({ lost: 0, gapped: 0 })
  })
})

describe.skipIf(REDIS_IS_MISSING)('a cluster whose Redis syncs to disk every second', () => {
  const suffer = createFaultHarness(() => startRedis('everysec'))

  test('loses nothing when an instance is killed', async () => {
    const found = await suffer(async ({ instance }) => {
      await instance('node').kill()
      await instance('node').start()
    })
    expect(found).toMatchObject({ lost: 0, gapped: 0 })
  })

  test('loses nothing when every connection to Redis is cut', async () => {
    const found = await suffer(async ({ redis }) => {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal')
    })
    expect(found).toMatchObject({ lost: 0, gapped: 0 })
  })

  test('loses nothing when Redis is suspended for five seconds', async () => {
    const found = await suffer(async ({ redis }) => {
      redis.signal('SIGSTOP')
      await pause(5_000)
      redis.signal('SIGCONT')
    })
    expect(found).toMatchObject({ lost: 0, gapped: 0 })
  })

  test('reports every loss as a gap when Redis is killed and comes back', async () => {
    const found = await suffer(async ({ redis }) => {
      await redis.crash()
      await redis.restart()
    })
    expect(found.refused).toBeGreaterThan(0)
  })

  test('sends every client a gap when Redis comes back empty', async () => {
    const found = await suffer(async ({ redis }) => {
      await redis.crash('empty')
      await redis.restart()
    })
    expect(found.gapped).toBe(CLIENTS)
  })
})

describe.skipIf(REDIS_IS_MISSING)('a cluster whose Redis has a replica', () => {
  const suffer = createFaultHarness(startRedisPair)

  test('reports every loss as a gap when the primary is killed and its replica lacks the last events', async () => {
    const found = await suffer(async ({ redis }) => {
      redis.fallBehind()
      const published = async () =>
        Number(await redis.command('HGET', '{hono-sse}:head', 'seq')) || 0
      const before = await published()
      await until('the replica lacks some', async () => (await published()) > before + 10)
      await redis.failOver()
    })
    expect(found.refused).toBeGreaterThan(0)
    expect(found.gapped).toBe(CLIENTS)
  })
})
