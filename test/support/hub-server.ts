/** Starts the hub on Node for tests to which its runtime does not matter. */
import { type Environment, type Server, startServer } from './process.ts'
import { COMMANDS } from './runtimes.ts'

/** Starts the server that a person starts; neither the clock nor long waits disturb the tests. */
export function startHub(environment: Environment = {}): Promise<Server> {
  return startServer(COMMANDS.node, { CLOCK_SECONDS: '0', RETRY_MS: '200', ...environment })
}
