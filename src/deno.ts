/** Starts a hub on Deno. */
import { denoAdapter } from './adapters/deno/adapter.ts'
import { run } from './server/run.ts'

await run(denoAdapter())
