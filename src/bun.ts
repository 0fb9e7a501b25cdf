/** Starts a server on Bun. */
import { bunDoor } from './doors/bun.ts'
import { run } from './server/run.ts'

await run(bunDoor())
