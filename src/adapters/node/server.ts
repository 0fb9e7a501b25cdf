/** Serves an app on `node:http`, or with a certificate on `node:http2`, and cuts off who is slow to send. */
import type { Server } from 'node:http'
import { constants, createSecureServer, type Http2SecureServer } from 'node:http2'
import { type Http2Bindings, type HttpBindings, serve } from '@hono/node-server'
import type { NodeFetch } from './stream.ts'

/** Where a server listens, and what it answers with. */
export interface NodeServerOptions {
  /** What answers: `createNodeStreams().serve(app.fetch)`, or an app's fetch as it is. */
  readonly fetch: NodeFetch<HttpBindings | Http2Bindings>
  /** TCP port; 0 for any that is free. */
  readonly port: number
  /** The address to listen on. @defaultValue `127.0.0.1` */
  readonly hostname?: string | undefined
  /** With it the server speaks HTTP/2, and HTTP/1.1 beside it, over TLS. @defaultValue none */
  readonly tls?: Certificate | undefined
}

/** What TLS takes, in PEM. */
export interface Certificate {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

/** A server that listens. */
export interface NodeServer {
  /** The port that it really got. */
  readonly port: number
  /** Stops accepting, and resolves when what was open is closed. */
  stop(): Promise<void>
}

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

/** Begins to listen. @throws when the port can't be had, or the certificate can't be used */
export function serveNode(options: NodeServerOptions): Promise<NodeServer> {
  const { fetch, port, hostname = '127.0.0.1', tls } = options
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname, ...transport(tls) }) as Server | Http2SecureServer
    if (tls) cutSlowSenders(server as Http2SecureServer)
    server.once('error', reject)
    server.once('listening', () => resolve(serverOf(server)))
  })
}

function transport(tls: Certificate | undefined) {
  const serverOptions = { ...PROBES, ...SLOW_SENDERS, ...KEEP_ALIVE }
  if (!tls) return { serverOptions }
  // A browser opens six connections per host over HTTP/1.1, but over HTTP/2 a hundred streams on one.
  const secure = { ...tls, allowHTTP1: true, handshakeTimeout: SLOW_SENDERS.headersTimeout }
  return { createServer: createSecureServer, serverOptions: { ...serverOptions, ...secure } }
}

/** An HTTP/2 server takes none of these as options: it has its own defaults for HTTP/1.1, and none for HTTP/2. */
function cutSlowSenders(server: Http2SecureServer): void {
  Object.assign(server, SLOW_SENDERS, KEEP_ALIVE)
  server.on('session', (session) => {
    const open = new Set<object>()
    let timer = setTimeout(() => session.close(), KEEP_ALIVE.keepAliveTimeout)
    // The first settings are its handshake: who does not even send them is no client.
    const hello = setTimeout(() => session.destroy(), SLOW_SENDERS.headersTimeout)
    session.once('remoteSettings', () => clearTimeout(hello))
    session.on('stream', (stream) => {
      clearTimeout(timer)
      open.add(stream)
      const late = setTimeout(() => {
        if (!stream.readableEnded) stream.close(constants.NGHTTP2_CANCEL)
      }, SLOW_SENDERS.requestTimeout)
      if (stream.endAfterHeaders) clearTimeout(late)
      stream.once('close', () => {
        clearTimeout(late)
        open.delete(stream)
        if (open.size > 0) return
        clearTimeout(timer)
        timer = setTimeout(() => session.close(), KEEP_ALIVE.keepAliveTimeout)
      })
    })
    session.once('close', () => {
      clearTimeout(hello)
      clearTimeout(timer)
    })
  })
}

function serverOf(server: Server | Http2SecureServer): NodeServer {
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
