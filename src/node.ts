/** Starts a hub on Node. */
import { nodeAdapter } from './adapters/node/adapter.ts'
import { run } from './server/run.ts'

await run(nodeAdapter())
