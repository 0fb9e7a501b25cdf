/** The servers of one test file: some shared by several tests, some for one test alone. */
import { afterAll } from 'vitest'
import { until } from './eventually.ts'
import {
  type Command,
  type Environment,
  type Process,
  type Server,
  startProcess,
  startServer,
} from './process.ts'

/** Servers that are started on demand. */
export interface ServerPool {
  /** The server that every test with this environment uses. */
  shared(environment?: Environment): Promise<Server>
  /** A server for one test alone. */
  start(environment?: Environment): Promise<Server>
  /** A process that may exit without listening. */
  launch(environment?: Environment): Process
}

/** Creates a pool whose servers end with the test file. @param common - called once for each server */
export function createServerPool(command: Command, common: () => Environment): ServerPool {
  const shared = new Map<string, Promise<Server>>()
  const all: Promise<Process>[] = []
  afterAll(async () => {
    const results = await Promise.allSettled(all)
    const running = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    await Promise.all(running.map((process) => process.kill()))
  })
  return { shared: share, start, launch }

  function share(environment: Environment = {}): Promise<Server> {
    const key = JSON.stringify(environment)
    const server = shared.get(key) ?? start(environment)
    shared.set(key, server)
    return server
  }

  function start(environment: Environment = {}): Promise<Server> {
    const server = startServer(command, { ...common(), ...environment }).then(untilAnswering)
    all.push(server)
    return server
  }

  function launch(environment: Environment = {}): Process {
    const process = startProcess(command, { ...common(), ...environment })
    all.push(Promise.resolve(process))
    return process
  }
}

/** wrangler may listen before its worker does, and answers 503 meanwhile. */
async function untilAnswering(server: Server): Promise<Server> {
  const answers = async () => (await fetch(`${server.url}/healthz`)).status !== 503
  await until('the server answers', answers, 20_000)
  return server
}
