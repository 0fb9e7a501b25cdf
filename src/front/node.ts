/** `hono-sse/node`: streams straight to Node's sockets, and a server that cuts off who is slow to send. */
export {
  createNodeStreams,
  cutOff,
  type NodeBindings,
  type NodeFetch,
  type NodeStreams,
} from '../streams/node.ts'
export {
  type Certificate,
  type NodeServer,
  type NodeServerOptions,
  serveNode,
} from '../streams/server.ts'
