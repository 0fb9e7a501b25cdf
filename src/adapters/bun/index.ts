/** `hono-sse/bun`: streams for `Bun.serve`. */
export { type BunBindings, bunStream } from './stream.ts'
