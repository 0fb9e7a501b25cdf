/** Instances of a cluster: a process for each of three runtimes, all of them on one Redis. */
import { until } from '../../support/eventually.ts'
import { type Server, startServer } from '../../support/process.ts'
import { COMMANDS, type RuntimeName } from '../../support/runtimes.ts'

/** One instance, which can be killed and started again. */
export interface Instance {
  readonly name: RuntimeName
  /** Where it listens now; undefined while it does not run. */
  readonly url: string | undefined
  /** Resolves when it listens and reaches Redis. */
  start(): Promise<void>
  /** Kills it. */
  kill(): Promise<void>
}

/** Creates an instance that does not run yet. */
export function createInstance(name: RuntimeName, environment: Record<string, string>): Instance {
  let server: Server | undefined
  return {
    name,
    get url() {
      return server?.url
    },
    start: async () => {
      const started = await startServer(COMMANDS[name], { CLOCK_SECONDS: '0', ...environment })
      const ready = async () => (await fetch(`${started.url}/readyz`)).ok
      await until(`${name} reaches Redis`, ready)
      server = started
    },
    kill: async () => {
      const killed = server
      server = undefined
      await killed?.kill()
    },
  }
}
