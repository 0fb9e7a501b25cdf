/** The Node adapter: serves with `node:http`, or with `node:http2` if there is a certificate. */
import { readFileSync } from 'node:fs'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { portableStream } from '../../http/stream.ts'
import type { Config } from '../../server/config.ts'
import type { ServerAdapter } from '../../server/run.ts'
import { type Certificate, serveNode } from './server.ts'
import { createNodeStreams, cutOff } from './stream.ts'

type NodeContext = Context<{ Bindings: HttpBindings }>

/** Creates the adapter for Node. */
export function nodeAdapter(): ServerAdapter {
  const native = createNodeStreams()
  return {
    native: native.openStream,
    portable: portableStream((c: NodeContext) => cutOff(c.env.outgoing)),
    remoteAddress: (c: NodeContext) => c.env.incoming.socket.remoteAddress,
    tls: true,
    listen: async ({ fetch }, config, report) => {
      const { PORT: port, HOST: hostname } = config
      const tls = certificateOf(config)
      return serveNode({ fetch: native.serve(fetch), port, hostname, tls, report })
    },
  }
}

function certificateOf({ TLS_CERT, TLS_KEY }: Config): Certificate | undefined {
  if (TLS_CERT === undefined || TLS_KEY === undefined) return undefined
  return { cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }
}
