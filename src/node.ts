#!/usr/bin/env node
/** The Node door: starts the app on `node:http`. */
import type { Server } from 'node:http'
import { type HttpBindings, serve } from '@hono/node-server'
import type { Context } from 'hono'
import { portableStream } from './http/stream.ts'
import { type Listener, run } from './server/run.ts'
import { createNodeStreams } from './streams/node.ts'

const native = createNodeStreams()

/**
 * Milliseconds for a request to arrive: one that trickles in is cut off. None of them touches a stream.
 * https://nodejs.org/docs/latest-v20.x/api/http.html#serverrequesttimeout
 */
const SLOW_SENDERS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
}

await run({
  native: native.openStream,
  portable: portableStream((c: Context<{ Bindings: HttpBindings }>) => {
    c.env.incoming.socket.resetAndDestroy()
  }),
  peerOf: (c: Context<{ Bindings: HttpBindings }>) => c.env.incoming.socket.remoteAddress,
  listen: ({ fetch }, { PORT, HOST }) =>
    new Promise((resolve, reject) => {
      const server = serve({
        fetch: native.serve(fetch),
        port: PORT,
        hostname: HOST,
        // A peer that vanished without a word is noticed by TCP's own probes.
        serverOptions: { keepAlive: true, keepAliveInitialDelay: 30_000, ...SLOW_SENDERS },
      }) as Server
      server.once('error', reject)
      server.once('listening', () => resolve(listenerOf(server)))
    }),
})

function listenerOf(server: Server): Listener {
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}
