/** `hono-sse/node`: streams that write directly to Node's sockets, and a server with timeouts for slow requests. */

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
