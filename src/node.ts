#!/usr/bin/env node
/** The Node door: starts the app on `node:http`, or with a certificate on `node:http2`. */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { type HttpBindings, serve } from '@hono/node-server'
import type { Context } from 'hono'
import { portableStream } from './http/stream.ts'
import type { Config } from './server/config.ts'
import { type Listener, run } from './server/run.ts'
import { createNodeStreams, cutOff } from './streams/node.ts'

type NodeContext = Context<{ Bindings: HttpBindings }>

/**
 * Milliseconds for a request to arrive: one that trickles in is cut off. None of them touches a stream.
 * https://nodejs.org/docs/latest-v20.x/api/http.html#serverrequesttimeout
 */
const SLOW_SENDERS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
}

/** Milliseconds; longer than the minute for which proxies keep theirs, so that none sends into a closing one. */
const KEEP_ALIVE = { keepAliveTimeout: 75_000 }

/** A peer that vanished without a word is noticed by TCP's own probes. */
const PROBES = { keepAlive: true, keepAliveInitialDelay: 30_000 }

const native = createNodeStreams()

await run({
  native: native.openStream,
  portable: portableStream((c: NodeContext) => cutOff(c.env.outgoing)),
  peerOf: (c: NodeContext) => c.env.incoming.socket.remoteAddress,
  tls: true,
  listen: ({ fetch }, config) =>
    new Promise((resolve, reject) => {
      const address = { port: config.PORT, hostname: config.HOST }
      const options = { ...address, ...transport(config), fetch: native.serve(fetch) }
      const server = serve(options) as Server | Http2SecureServer
      server.once('error', reject)
      server.once('listening', () => resolve(listenerOf(server)))
    }),
})

function transport({ TLS_CERT, TLS_KEY }: Config) {
  const serverOptions = { ...PROBES, ...SLOW_SENDERS, ...KEEP_ALIVE }
  if (TLS_CERT === undefined || TLS_KEY === undefined) return { serverOptions }
  // A browser opens six connections per host over HTTP/1.1, but over HTTP/2 a hundred streams on one.
  const files = { cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY), allowHTTP1: true }
  return { createServer: createSecureServer, serverOptions: { ...serverOptions, ...files } }
}

function listenerOf(server: Server | Http2SecureServer): Listener {
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        if ('closeIdleConnections' in server) server.closeIdleConnections()
      }),
  }
}
