/** Starts a hub on Cloudflare Workers: a Durable Object holds it, and the Worker in front routes requests to it. */
export { default, Hub } from './adapters/cloudflare/index.ts'
