/** Clients roam between the workers of a server, which are killed and suspended meanwhile: nothing that was acknowledged is lost. */
import { afterAll, describe, expect, test, vi } from 'vitest'
import { childrenOf } from '../../support/children.ts'
import { until } from '../../support/eventually.ts'
import { type Server, startServer } from '../../support/process.ts'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import { COMMANDS, type RuntimeName } from '../../support/runtimes.ts'
import { createDeliveryCheck, type DeliveryReport } from './delivery-check.ts'

vi.setConfig({ testTimeout: 90_000 })

const CLIENTS = 60
const SETTINGS = { WORKERS: '2', CLOCK_SECONDS: '0', RETRY_MS: '100', JOURNAL_EVENTS: '20000' }

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const ends: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const end of ends) await end()
})

/** Starts a server and clients, and publishes while its workers fail. */
async function suffer(
  name: RuntimeName,
  environment: Readonly<Record<string, string>>,
  fault: (workers: () => number[]) => Promise<void>,
): Promise<DeliveryReport> {
  const server: Server = await startServer(COMMANDS[name], { ...SETTINGS, ...environment })
  ends.push(server.kill)
  const check = createDeliveryCheck(
    [{ name, url: server.url, start: async () => {}, kill: server.kill }],
    CLIENTS,
  )
  try {
    await check.connect()
    await check.publish(100)
    await Promise.all([check.publish(1_000), fault(() => childrenOf(server.pid))])
    await check.publish(100)
    return await check.report()
  } finally {
    check.stop()
  }
}

/** Kills each worker in turn, and the next one when the first has been replaced. */
async function killEach(workers: () => number[]): Promise<void> {
  for (const pid of workers()) {
    process.kill(pid, 'SIGKILL')
    await until('it is replaced', () => !workers().includes(pid) && workers().length === 2)
    await pause(500)
  }
}

describe.each(['node', 'bun'] as const)('two workers on %s', (name) => {
  test('give each client exactly its share of the events', async () => {
    const found = await suffer(name, {}, async () => {})
    expect(found).toMatchObject({ refused: 0, gapped: 0, lost: 0, acknowledged: 1_201 })
    expect(found.streamsOpened).toBeGreaterThan(CLIENTS)
  })

  test('lose nothing when each of them is killed', async () => {
    expect(await suffer(name, {}, killEach)).toMatchObject({ lost: 0, gapped: 0 })
  })

  test('lose nothing when one of them is suspended for three seconds', async () => {
    const found = await suffer(name, {}, async (workers) => {
      const [pid = 0] = workers()
      process.kill(pid, 'SIGSTOP')
      await pause(3_000)
      process.kill(pid, 'SIGCONT')
    })
    expect(found).toMatchObject({ lost: 0, gapped: 0 })
  })

  test.skipIf(REDIS_IS_MISSING)(
    'are instances with Redis, and lose nothing when killed',
    async () => {
      const redis = await startRedis()
      ends.push(redis.close)
      const found = await suffer(name, { REDIS_URL: redis.url }, killEach)
      expect(found).toMatchObject({ lost: 0, gapped: 0 })
    },
  )
})
