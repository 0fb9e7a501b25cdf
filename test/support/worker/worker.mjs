/** Runs a Worker in workerd, offline, as a process like the other servers: by default the Workers adapter. */
import { unstable_startWorker } from 'wrangler'

const { PATH, HOME, PORT, NO_COLOR, CONFIG = 'wrangler.toml', ...variables } = process.env
process.env.WRANGLER_SEND_METRICS = 'false'
process.env.CI = '1'

const worker = await unstable_startWorker({
  config: CONFIG,
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
console.log(JSON.stringify({ message: 'listening', url: await worker.url }))
