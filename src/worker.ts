/** Starts a hub on Cloudflare Workers: each shard is a Durable Object, and the Worker routes requests to it. */
export type { HubBindings } from './adapters/cloudflare/binding.ts'
export type { ObjectHub } from './adapters/cloudflare/hub-of.ts'
export { default, Hub, hubOf } from './adapters/cloudflare/index.ts'
export type { StreamPermit } from './adapters/cloudflare/remote-calls.ts'
