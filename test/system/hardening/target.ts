/** What the hardening suite must know about a runtime, and the servers that it attacks. */
import type { Command, Environment } from '../../support/process.ts'
import { createServerPool, type ServerPool } from '../../support/server-pool.ts'

/** A runtime and its differences, each of which is explained where it is set. */
export interface Target {
  readonly name: string
  readonly command: Command
  /** Environment variables of all its servers. @defaultValue none */
  readonly environment?: Environment
  /** How a server refuses to run without a key where others can reach it. */
  readonly openToAll: 'exits with 2' | 'answers 503'
  /** Whether a slow sender is cut off. */
  readonly slowSenders: 'cut' | 'kept'
  /** What the server does with a request that has both Content-Length and Transfer-Encoding. */
  readonly bothLengths: 'refused' | 'read as chunked'
  /** Whether the started process serves HTTP itself, as in production. */
  readonly process: 'serves' | 'stands in for a platform'
}

/** The servers of one run of the suite. */
export interface TargetPool extends ServerPool {
  readonly runtime: Target
}

/** The keys and secrets of keyed servers: two publish keys, as in a rotation. */
export const KEY = 'hardening-key-0123456789abcdef'
export const OLD_KEY = 'hardening-key-of-last-year-0123'
export const METRICS_KEY = 'hardening-key-for-metrics-0123'
export const SECRET = 'the secret of the hardening suite, 32 bytes'

/** A server with a key and tokens that logs everything it does. */
export const KEYED: Environment = {
  PUBLISH_KEY: `${KEY},${OLD_KEY}`,
  METRICS_KEY,
  JWT_SECRET: SECRET,
  LOG_LEVEL: 'trace',
}

/** A server that requires no credential. */
export const OPEN: Environment = { ALLOW_ANONYMOUS: 'true', LOG_LEVEL: 'trace' }

/** The same for tests that open no stream: each of them expects zero clients. */
export const WITHOUT_STREAMS: Environment = { ...OPEN, LOG_LEVEL: 'debug' }

const QUIET: Environment = { CLOCK_SECONDS: '0' }

/** Creates a pool of servers to attack. @param common - environment variables of all of them */
export function createTargetPool(runtime: Target, common: Environment = {}): TargetPool {
  return {
    ...createServerPool(runtime.command, () => ({
      ...QUIET,
      ...runtime.environment,
      ...common,
    })),
    runtime,
  }
}
