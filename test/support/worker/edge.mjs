/**
 * Runs the Workers adapter in workerd, offline. `PERSIST` is the folder of its objects' storage;
 * `ENTRYPOINT` is a file to run instead of `main` in wrangler.toml.
 */
import { unstable_startWorker } from 'wrangler'

const { PATH, HOME, PERSIST = '', ENTRYPOINT, ...variables } = process.env
process.env.WRANGLER_SEND_METRICS = 'false'
process.env.CI = '1'

const worker = await unstable_startWorker({
  config: 'wrangler.toml',
  ...(ENTRYPOINT && { entrypoint: ENTRYPOINT }),
  bindings: Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, { type: 'plain_text', value }]),
  ),
  dev: {
    server: { port: 0, hostname: '127.0.0.1' },
    inspector: false,
    logLevel: 'error',
    watch: false,
    persist: PERSIST === '' ? false : PERSIST,
  },
})
await worker.ready
console.log(String(await worker.url))
