/** Clients roam between instances of three runtimes, and each receives exactly its own events. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { createDeliveryCheck } from './delivery-check.ts'

const CLIENTS = 100
const EVENTS = 2_500

describe.skipIf(REDIS_IS_MISSING)('three instances on one Redis', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster(await startRedis(), { JOURNAL_EVENTS: '20000' })
  })
  afterAll(() => cluster.stop())

  test('give each of 100 roaming clients exactly its share of 2,500 events, in order and once', async () => {
    const check = createDeliveryCheck(cluster.instances, CLIENTS)
    try {
      await check.connect()
      await check.publish(EVENTS)
      const found = await check.report()
      console.info(JSON.stringify(found))
      expect(found).toMatchObject({ refused: 0, gapped: 0, lost: 0, acknowledged: EVENTS + 1 })
      expect(found.streamsOpened).toBeGreaterThan(2 * CLIENTS)
    } finally {
      check.stop()
    }
  })
})
