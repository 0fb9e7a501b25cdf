/** A cluster for tests: a Redis of its own, and an instance on each runtime. */
import { until } from '../../support/eventually.ts'
import type { RuntimeName } from '../../support/runtimes.ts'
import { createInstance, type Instance } from './instance.ts'

/** What the instances share. */
export interface SharedRedis {
  readonly url: string
  close(): Promise<void>
}

/** A Redis and three instances. */
export interface Cluster<Redis extends SharedRedis = SharedRedis> {
  readonly redis: Redis
  readonly instances: readonly Instance[]
  instance(name: RuntimeName): Instance
  /** Resolves when every running instance reaches Redis. */
  recovered(): Promise<void>
  stop(): Promise<void>
}

/** Starts a cluster on a Redis server, and stops that server with it. */
export async function startCluster<Redis extends SharedRedis>(
  redis: Redis,
  environment: Record<string, string> = {},
): Promise<Cluster<Redis>> {
  const settings = { REDIS_URL: redis.url, RETRY_MS: '100', LOG_LEVEL: 'info', ...environment }
  const instances = (['node', 'bun', 'deno'] as const).map((name) => createInstance(name, settings))
  await Promise.all(instances.map((instance) => instance.start()))
  return {
    redis,
    instances,
    instance: (name) => {
      const found = instances.find((one) => one.name === name)
      if (!found) throw new Error(`There is no ${name}.`)
      return found
    },
    recovered: async () => {
      for (const { url, name } of instances) {
        const ready = async () => !url || (await fetch(`${url}/readyz`)).ok
        await until(`${name} reaches Redis again`, ready, 20_000)
      }
    },
    stop: async () => {
      await Promise.all(instances.map((instance) => instance.kill()))
      await redis.close()
    },
  }
}
