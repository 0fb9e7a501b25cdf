/** Starts a server on Node. */
import { nodeDoor } from './doors/node.ts'
import { run } from './server/run.ts'

await run(nodeDoor())
