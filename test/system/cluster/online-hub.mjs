/** A server with a hub that says who comes online and goes offline, and how it listens. */
import { serve } from '../../../dist/adapters/node/serve.js'
import { createApp, createHub } from '../../../dist/index.js'
import { createRedisJournal } from '../../../dist/journal/redis/index.js'

const hub = createHub({
  journal: createRedisJournal({ url: process.env.REDIS_URL ?? '' }),
  offlineGraceMs: 2_000,
  onClientOnline: (client) => console.log(`${client} online`),
  onClientOffline: (client) => console.log(`${client} offline`),
})
const { url } = await serve(createApp({ hub, access: 'anyone' }), { hub, port: 0 })
console.log(JSON.stringify({ message: 'listening', url }))
