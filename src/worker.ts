/** Starts a hub on Cloudflare Workers: Durable Objects hold it, and the Worker routes requests to them. */
export { default, Hub } from './adapters/cloudflare/index.ts'
