/**
 * Runs a Worker in workerd, offline, as a process that behaves like the other servers. With `--wrangler`
 * wrangler runs it, as it is described by wrangler.toml or by the file that `CONFIG` names. `PERSIST` is the
 * folder of its objects' storage.
 */
import { startWorker } from './start.mjs'

const { PATH, HOME, PORT, NO_COLOR, CONFIG, PERSIST, ...variables } = process.env

const url = process.argv.includes('--wrangler')
  ? await startWithWrangler(CONFIG ?? 'wrangler.toml')
  : await startWorker('src/worker.ts', variables, PERSIST)
console.log(JSON.stringify({ message: 'listening', url }))

async function startWithWrangler(config) {
  process.env.WRANGLER_SEND_METRICS = 'false'
  process.env.CI = '1'
  const { unstable_startWorker } = await import('wrangler')
  const worker = await unstable_startWorker({
    config,
    bindings: Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, { type: 'plain_text', value }]),
    ),
    dev: {
      server: { port: 0, hostname: '127.0.0.1' },
      inspector: false,
      logLevel: 'error',
      persist: false,
    },
  })
  await worker.ready
  return await worker.url
}
