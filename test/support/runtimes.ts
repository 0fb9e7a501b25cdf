/** How a server is started on each runtime. */
import type { Command } from './process.ts'

/** A runtime that runs the hub as a process; each has the same environment variables. */
export type RuntimeName = 'node' | 'bun' | 'deno'

/** The commands by runtime. `node` is what `npm start` runs; .ci/nodes sets another version of it. */
export const COMMANDS: Readonly<Record<RuntimeName | 'worker' | 'wrangler', Command>> = {
  node: { file: process.env.NODE_UNDER_TEST || process.execPath, args: ['dist/node.js'] },
  bun: { file: 'node_modules/.bin/bun', args: ['run', 'src/bun.ts'] },
  deno: {
    file: 'node_modules/.bin/deno',
    args: ['run', '--allow-net', '--allow-env', 'src/deno.ts'],
  },
  // The Worker runs in workerd, offline.
  worker: { file: process.execPath, args: ['test/support/worker/worker.mjs'] },
  // The same through the proxy of `wrangler dev`, which takes three times as long to start.
  wrangler: { file: process.execPath, args: ['test/support/worker/worker.mjs', '--wrangler'] },
}
