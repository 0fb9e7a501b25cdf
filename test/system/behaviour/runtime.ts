/** What the behaviour suite must know about a runtime: how to start it, and where it truly differs. */
import { afterAll } from 'vitest'
import {
  type Command,
  type Environment,
  type Process,
  type Server,
  startProcess,
  startServer,
} from '../../support/process.ts'

/** A runtime and its differences, each of which is argued for where it is named. */
export interface Runtime {
  readonly name: string
  readonly command: Command
  /** What its servers are told, beside what a test wants. @defaultValue nothing */
  readonly environment?: Environment
  /** What each of its servers is told alone. @defaultValue nothing */
  readonly own?: () => Environment
  /** Whether its journal is one that servers share, so that receipts count them. @defaultValue false */
  readonly shared?: true
  /** When the server hears that a client has left. */
  readonly leaving: 'at once' | 'at a later write'
  /** What becomes of the socket of a client that reads nothing, once the hub has given it up. */
  readonly stalledSocket: 'cut' | 'kept'
  /** Whether the memory that the process holds tells what the hub keeps. */
  readonly memory: 'measured' | 'hidden by garbage'
  /** How the server says that its environment can't be used. */
  readonly badEnvironment: 'exits with 2' | 'answers 500'
  /** Whether the process drains its streams at SIGTERM and SIGINT. */
  readonly signals: 'drain' | 'none'
}

/** Ways to open a stream: each is held to the same behaviour on every runtime. */
export const OPENERS = ['native', 'portable'] as const

/** The servers of one test file. */
export interface Farm {
  readonly runtime: Runtime
  /** How its servers open streams: one of the `OPENERS`. */
  readonly opener: string
  /** A server that other tests use, too: one for each environment. */
  shared(environment?: Environment): Promise<Server>
  /** A server for one test alone. */
  start(environment?: Environment): Promise<Server>
  /** A process that need not come to listen. */
  launch(environment?: Environment): Process
}

/** Neither the clock nor a heartbeat disturbs what a test listens to. */
const QUIET: Environment = { CLOCK_SECONDS: '0', RETRY_MS: '2000' }

/** A server that tells the time. */
export const CLOCK: Environment = { CLOCK_SECONDS: '1' }

/** A server whose bounds are met at once. */
export const TIGHT: Environment & { readonly MAX_EVENT_BYTES: string } = {
  JOURNAL_EVENTS: '3',
  MAX_EVENT_BYTES: '1000',
  MAX_CONNECTIONS_PER_CLIENT: '2',
  HEARTBEAT_SECONDS: '1',
}

/** Starts servers, and ends them when all tests of the file are over. */
export function createFarm(runtime: Runtime): Farm {
  const shared = new Map<string, Promise<Server>>()
  const all: Promise<Process>[] = []
  afterAll(async () => {
    const started = await Promise.allSettled(all)
    await Promise.all(
      started.map((result) => (result.status === 'fulfilled' ? result.value.kill() : undefined)),
    )
  })

  return {
    runtime,
    opener: runtime.environment?.STREAM ?? 'native',
    start,
    shared: (environment = {}) => {
      const key = JSON.stringify(environment)
      const server = shared.get(key) ?? start(environment)
      shared.set(key, server)
      return server
    },
    launch: (environment = {}) => {
      const process = startProcess(runtime.command, {
        ...QUIET,
        ...runtime.environment,
        ...runtime.own?.(),
        ...environment,
      })
      all.push(Promise.resolve(process))
      return process
    },
  }

  function start(environment: Environment = {}): Promise<Server> {
    const server = startServer(runtime.command, {
      ...QUIET,
      ...runtime.environment,
      ...runtime.own?.(),
      ...environment,
    })
    all.push(server)
    return server
  }
}
