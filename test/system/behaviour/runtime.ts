/** What the behaviour suite must know about a runtime: how to start it, and where it truly differs. */
import type { Command, Environment } from '../../support/process.ts'
import { createServerPool, type ServerPool } from '../../support/server-pool.ts'

/** A runtime and its differences, each of which is explained where it is set. */
export interface Runtime {
  readonly name: string
  readonly command: Command
  /** Environment variables of all its servers. @defaultValue none */
  readonly environment?: Environment
  /** Environment variables that differ from server to server. @defaultValue none */
  readonly perServer?: () => Environment
  /** Whether servers share its journal, so that results count instances. @defaultValue false */
  readonly sharedJournal?: true
  /** How many workers serve. The limits of connections apply to each, and results say how many were asked. @defaultValue 1 */
  readonly workers?: number
  /** When the server notices that a client has left. */
  readonly leaving: 'at once' | 'at a later write'
  /** What happens to the socket of a client that reads nothing, once the hub has disconnected it. */
  readonly stalledSocket: 'cut' | 'kept'
  /** Whether the process can be asked what it keeps, or only how much memory it has. */
  readonly memory: 'measured' | 'hidden by garbage'
  /** How the server reports that its environment is invalid. */
  readonly badEnvironment: 'exits with 2' | 'answers 500'
  /** Whether the process drains its streams at SIGTERM and SIGINT. */
  readonly signals: 'drain' | 'none'
}

/** Ways to open a stream: each must behave the same on every runtime. */
export const OPENERS = ['native', 'portable'] as const

/** A way to open a stream. */
export type Opener = (typeof OPENERS)[number]

/** The servers of one run of the suite. */
export interface RuntimePool extends ServerPool {
  readonly runtime: Runtime
  /** How its servers open streams: one of the `OPENERS`. */
  readonly opener: string
}

/** Neither the clock nor a heartbeat disturbs what a test listens to. */
const QUIET: Environment = { CLOCK_SECONDS: '0', RETRY_MS: '2000' }

/** A server that sends the time. */
export const WITH_CLOCK: Environment = { CLOCK_SECONDS: '1' }

/** A server whose bounds are met at once. */
export const TIGHT: Environment & { readonly MAX_EVENT_BYTES: string } = {
  JOURNAL_EVENTS: '3',
  MAX_EVENT_BYTES: '1000',
  MAX_CONNECTIONS_PER_CLIENT: '2',
  HEARTBEAT_SECONDS: '1',
}

/** Creates a pool of a runtime's servers. */
export function createRuntimePool(runtime: Runtime): RuntimePool {
  const common = () => ({ ...QUIET, ...runtime.environment, ...runtime.perServer?.() })
  const pool = createServerPool(runtime.command, common)
  return { ...pool, runtime, opener: runtime.environment?.STREAM ?? 'native' }
}
