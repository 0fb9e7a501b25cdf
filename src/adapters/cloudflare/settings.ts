/** The configuration on Workers: its defaults fit into the memory of a Durable Object. */
import { type Config, ConfigError, readConfig } from '../../server/config.ts'

/**
 * An object has 128 MB. A connection takes 58 KB, as measured in workerd, so 1,000 take half of it.
 * The queues of slow readers share the other half: at the smallest bound for events of the default
 * size, 200 of them may be full at once.
 */
export const WORKER_DEFAULTS = { MAX_CONNECTIONS: '1000', MAX_QUEUED_BYTES: '327680' } as const

/** Reads the configuration from the variables of a Worker. @throws {ConfigError} that lists every problem */
export function readWorkerConfig(variables: Readonly<Record<string, unknown>>): Config {
  const config = readConfig(variables, WORKER_DEFAULTS)
  if (config.WORKERS !== 1) {
    throw new ConfigError('WORKERS requires Node or Bun: unset it, and use HUB_SHARDS instead.')
  }
  return config
}
