/** The Node adapter: serves with `node:http`, or with `node:http2` if there is a certificate. */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { createCompression } from '../../compression/create-compression.ts'
import { openFilesCounter } from '../../server/process/open-files.ts'
import type { ServerAdapter } from '../../server/run.ts'
import { forkNode } from './fork-node.ts'
import { serveNode } from './server.ts'

type NodeContext = Context<{ Bindings: HttpBindings }>

/** Creates the adapter for Node. */
export function nodeAdapter(): ServerAdapter {
  return {
    remoteAddress: (c: NodeContext) => c.env.incoming.socket.remoteAddress,
    openFiles: openFilesCounter(),
    tls: true,
    compression: createCompression,
    listen: serveNode,
    fork: forkNode,
  }
}
