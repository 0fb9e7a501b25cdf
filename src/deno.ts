/** Starts a server on Deno. */
import { denoDoor } from './doors/deno.ts'
import { run } from './server/run.ts'

await run(denoDoor())
