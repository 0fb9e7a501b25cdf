/** `hono-sse/bun`: streams on `Bun.serve`. */
export { type BunBindings, bunStream } from './stream.ts'
