/** Starts a hub on Cloudflare Workers: each shard is a Durable Object, and the Worker routes requests to it. */
export { default, Hub } from './adapters/cloudflare/index.ts'
