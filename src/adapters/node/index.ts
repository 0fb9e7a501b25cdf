/** `hono-sse/node`: the app and its streams in servers of Node, such as Express and Fastify. */

export { type NodeApp, type NodeHandler, toNodeHandler } from './handler.ts'
export { streamEventsTo } from './stream-events-to.ts'
