/** Starts a server on Node. */
import { nodeDoor } from './adapters/node/adapter.ts'
import { run } from './server/run.ts'

await run(nodeDoor())
