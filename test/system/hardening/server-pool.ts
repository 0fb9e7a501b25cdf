/** What the hardening suite must know about a runtime, and the servers that it starts there. */
import { afterAll } from 'vitest'
import { until } from '../../support/client.ts'
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
  /** How a server that would be open to all refuses to be. */
  readonly openToAll: 'exits with 2' | 'answers 503'
  /** Whether a request that trickles in is cut off. */
  readonly slowSenders: 'cut' | 'kept'
  /** What becomes of a request that has Content-Length and Transfer-Encoding. */
  readonly bothLengths: 'refused' | 'read as chunked'
  /** Whether the process that was started serves by itself, HTTP included, as it does in production. */
  readonly process: 'serves' | 'stands in for a platform'
}

/** The servers of one test file. */
export interface Farm {
  readonly runtime: Runtime
  /** A server that other tests use, too: one for each environment. */
  shared(environment: Environment): Promise<Server>
  /** A server for one test alone. */
  start(environment: Environment): Promise<Server>
  /** A process that need not come to listen. */
  launch(environment: Environment): Process
}

/** The keys and secrets of keyed servers: two keys, as in a rotation. */
export const KEY = 'hardening-key-0123456789abcdef'
export const OLD_KEY = 'hardening-key-of-last-year-0123'
export const SECRET = 'the secret of the hardening suite, 32 bytes'

/** A server that knows a key and tokens, and tells all it does in its log. */
export const KEYED: Environment = {
  PUBLISH_KEY: `${KEY},${OLD_KEY}`,
  JWT_SECRET: SECRET,
  LOG_LEVEL: 'trace',
}

/** A server that asks nobody. */
export const OPEN: Environment = { ALLOW_ANONYMOUS: 'true', LOG_LEVEL: 'trace' }

const QUIET: Environment = { CLOCK_SECONDS: '0' }

/** Starts servers, and ends them when all tests of the file are over. @param common - what all of them are told */
export function createFarm(runtime: Runtime, common: Environment = {}): Farm {
  const shared = new Map<string, Promise<Server>>()
  const all: Promise<Process>[] = []
  afterAll(async () => {
    const started = await Promise.allSettled(all)
    const running = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    await Promise.all(running.map((process) => process.kill()))
  })
  return { runtime, shared: share, start, launch }

  function share(environment: Environment): Promise<Server> {
    const key = JSON.stringify(environment)
    const server = shared.get(key) ?? start(environment)
    shared.set(key, server)
    return server
  }

  function start(environment: Environment): Promise<Server> {
    const server = startServer(runtime.command, { ...QUIET, ...common, ...environment }).then(ready)
    all.push(server)
    return server
  }

  function launch(environment: Environment): Process {
    const process = startProcess(runtime.command, { ...QUIET, ...common, ...environment })
    all.push(Promise.resolve(process))
    return process
  }
}

/** A platform's stand-in may answer for a moment that its worker restarts. */
async function ready(server: Server): Promise<Server> {
  await until('it answers', async () => (await fetch(`${server.url}/healthz`)).ok, 20_000)
  return server
}
