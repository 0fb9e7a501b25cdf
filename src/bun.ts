/** Starts a server on Bun. */
import { bunDoor } from './adapters/bun/adapter.ts'
import { run } from './server/run.ts'

await run(bunDoor())
