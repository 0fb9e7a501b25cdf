/** Starts a hub on Bun. */
import { bunAdapter } from './adapters/bun/adapter.ts'
import { run } from './server/run.ts'

await run(bunAdapter())
