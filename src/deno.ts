/** Starts a server on Deno. */
import { denoDoor } from './adapters/deno/adapter.ts'
import { run } from './server/run.ts'

await run(denoDoor())
