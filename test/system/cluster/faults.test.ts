/** What breaks while clients hop and events flow: nothing acknowledged is lost unless a gap says so. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startPair } from '../../support/failover.ts'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import { type Cluster, type Shared, startCluster } from './cluster.ts'
import { type Crowd, createCrowd, type Reckoning } from './crowd.ts'

// Three runtimes, a Redis and a crowd share what cores there are.
vi.setConfig({ testTimeout: 60_000 })

const CLIENTS = 100
const BEFORE = 300
const MEANWHILE = 1_000
const AFTER = 300

/** Sets up a cluster and a crowd, and floods them before, during and after what goes wrong. */
function stage<Redis extends Shared>(start: () => Promise<Redis>) {
  const at: { cluster?: Cluster<Redis>; crowd?: Crowd } = {}
  beforeAll(async () => {
    at.cluster = await startCluster(await start(), { JOURNAL_EVENTS: '20000' })
    at.crowd = createCrowd(at.cluster.instances, CLIENTS)
    await at.crowd.arrive()
  })
  afterAll(async () => {
    at.crowd?.stop()
    await at.cluster?.stop()
  })
  return async (fault: (cluster: Cluster<Redis>) => Promise<void>): Promise<Reckoning> => {
    const { cluster, crowd } = at
    if (!cluster || !crowd) throw new Error('The stage is not set.')
    await crowd.flood(BEFORE)
    await Promise.all([crowd.flood(MEANWHILE), fault(cluster)])
    await cluster.recovered()
    await crowd.flood(AFTER)
    const found = await crowd.reckon()
    console.info(expect.getState().currentTestName, JSON.stringify(found))
    expect(found.acknowledged).toBeGreaterThan(BEFORE + AFTER)
    return found
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(REDIS_IS_MISSING)('a cluster whose Redis writes each event down at once', () => {
  const suffer = stage(() => startRedis('always'))

  test('loses nothing that was acknowledged when Redis is killed and comes back', async () => {
    const found = await suffer(async ({ redis }) => {
      await redis.crash()
      await redis.restart()
    })
    expect(found).toMatchObject({ lost: 0, gapped: 0 })
  })
})

describe.skipIf(REDIS_IS_MISSING)('a cluster whose Redis writes down each second', () => {
  const suffer = stage(() => startRedis('everysec'))

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

  test('loses nothing when Redis stands still for five seconds', async () => {
    const found = await suffer(async ({ redis }) => {
      redis.signal('SIGSTOP')
      await pause(5_000)
      redis.signal('SIGCONT')
    })
    expect(found).toMatchObject({ lost: 0, gapped: 0 })
  })

  test('loses nothing unsaid when Redis is killed and comes back', async () => {
    const found = await suffer(async ({ redis }) => {
      await redis.crash()
      await redis.restart()
    })
    expect(found.refused).toBeGreaterThan(0)
  })

  test('tells every client a gap when Redis comes back empty', async () => {
    const found = await suffer(async ({ redis }) => {
      await redis.crash('empty')
      await redis.restart()
    })
    expect(found.gapped).toBe(CLIENTS)
  })
})

describe.skipIf(REDIS_IS_MISSING)('a cluster whose Redis has a replica', () => {
  const suffer = stage(startPair)

  test('loses nothing unsaid when the primary is killed and its replica lacks the last events', async () => {
    const found = await suffer(async ({ redis }) => {
      redis.fallBehind()
      await pause(500)
      await redis.failOver()
    })
    expect(found.refused).toBeGreaterThan(0)
    expect(found.gapped).toBe(CLIENTS)
  })
})
