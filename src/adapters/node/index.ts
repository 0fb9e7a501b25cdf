/** `hono-sse/node`: streams straight to Node's sockets, and a server that cuts off who is slow to send. */

export {
  type Certificate,
  type NodeServer,
  type NodeServerOptions,
  serveNode,
} from './server.ts'
export {
  createNodeStreams,
  cutOff,
  type NodeBindings,
  type NodeFetch,
  type NodeStreams,
} from './stream.ts'
