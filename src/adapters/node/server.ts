/** Serves an app with `node:http`, or with `node:http2` if there is a certificate, and times out slow requests. */
import type { Server } from 'node:http'
import { constants, createSecureServer, type Http2SecureServer } from 'node:http2'
import { type Http2Bindings, type HttpBindings, serve } from '@hono/node-server'
import { keepConnections } from './client-errors.ts'
import { reserveDescriptors } from './descriptors.ts'
import type { NodeFetch } from './stream.ts'

/** The options of a Node server. */
export interface NodeServerOptions {
  /** Handles requests: `createNodeStreams().serve(app.fetch)`, or the fetch of an app. */
  readonly fetch: NodeFetch<HttpBindings | Http2Bindings>
  /** The TCP port; 0 for any free port. */
  readonly port: number
  /** The address to listen on. @defaultValue `127.0.0.1` */
  readonly hostname?: string | undefined
  /** If present, the server uses TLS and supports both HTTP/2 and HTTP/1.1. @defaultValue none */
  readonly tls?: Certificate | undefined
  /**
   * Milliseconds within which a request must arrive with its body. Its headers have 10 s of it at
   * most, and so has the handshake of TLS. @defaultValue `30_000`
   */
  readonly requestTimeoutMs?: number | undefined
  /** Called with an error that the server survives, such as having to refuse connections. @defaultValue none */
  readonly report?: ((error: Error) => void) | undefined
}

/** A certificate and its key, in PEM. */
export interface Certificate {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

/** A listening server. */
export interface NodeServer {
  /** The port that the server listens on. */
  readonly port: number
  /** Stops accepting connections and resolves when all open ones are closed. */
  stop(): Promise<void>
  /**
   * Uses another certificate for new connections; open ones keep theirs.
   * @throws if the certificate is invalid, or the server does not use TLS
   */
  setCertificate(tls: Certificate): void
}

const REQUEST_TIMEOUT_MS = 30_000

/**
 * Timeouts in milliseconds for receiving a request: slower requests are aborted. Streams are not affected.
 * https://nodejs.org/docs/latest-v20.x/api/http.html#serverrequesttimeout
 */
interface RequestTimeouts {
  readonly headersTimeout: number
  readonly requestTimeout: number
  readonly connectionsCheckingInterval: number
}

/** In milliseconds. Longer than the usual 60 s of proxies, so that a proxy never sends on a connection that is closing. */
const KEEP_ALIVE = { keepAliveTimeout: 75_000 }

/**
 * TCP keep-alive detects an idle peer that vanished. While bytes are unacknowledged, such as heartbeats,
 * no probes are sent: then the kernel's retransmissions decide (`net.ipv4.tcp_retries2`).
 * https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
 */
const TCP_KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 30_000 }

/** Starts a server. @throws if it can't listen on the port, or if the certificate is invalid */
export function serveNode(options: NodeServerOptions): Promise<NodeServer> {
  const { fetch, port, hostname = '127.0.0.1', tls, report = () => {} } = options
  const timeouts = timeoutsOf(options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    const served = { fetch, port, hostname, ...transport(tls, timeouts) }
    const server = serve(served) as Server | Http2SecureServer
    if (tls) applyTimeouts(server as Http2SecureServer, timeouts)
    keepConnections(server, KEEP_ALIVE.keepAliveTimeout - timeouts.headersTimeout)
    reserveDescriptors(server, report)
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      server.on('error', report)
      resolve(serverOf(server))
    })
  })
}

function timeoutsOf(requestTimeout: number): RequestTimeouts {
  const headersTimeout = Math.min(10_000, requestTimeout)
  const connectionsCheckingInterval = Math.ceil(headersTimeout / 5)
  return { headersTimeout, requestTimeout, connectionsCheckingInterval }
}

function transport(tls: Certificate | undefined, timeouts: RequestTimeouts) {
  const serverOptions = { ...TCP_KEEP_ALIVE, ...timeouts, ...KEEP_ALIVE }
  if (!tls) return { serverOptions }
  // Browsers open six connections per host with HTTP/1.1, but a hundred streams per connection with HTTP/2.
  const secure = { ...tls, allowHTTP1: true, handshakeTimeout: timeouts.headersTimeout }
  return { createServer: createSecureServer, serverOptions: { ...serverOptions, ...secure } }
}

/** Sets the timeouts of an HTTP/2 server. It ignores them as options: it has defaults for HTTP/1.1, and no timeouts for HTTP/2. */
function applyTimeouts(server: Http2SecureServer, timeouts: RequestTimeouts): void {
  Object.assign(server, timeouts, KEEP_ALIVE)
  server.on('session', (session) => {
    const open = new Set<object>()
    let timer = setTimeout(() => session.close(), KEEP_ALIVE.keepAliveTimeout)
    // The first SETTINGS frame completes the handshake.
    const handshake = setTimeout(() => session.destroy(), timeouts.headersTimeout)
    session.once('remoteSettings', () => clearTimeout(handshake))
    session.on('stream', (stream) => {
      clearTimeout(timer)
      open.add(stream)
      const requestTimer = setTimeout(() => {
        if (stream.readableEnded) return
        // A response that has started continues, but a body that is still missing after it is not awaited.
        if (stream.headersSent && !stream.writableEnded) requestTimer.refresh()
        else stream.close(constants.NGHTTP2_CANCEL)
      }, timeouts.requestTimeout)
      if (stream.endAfterHeaders) clearTimeout(requestTimer)
      stream.once('close', () => {
        clearTimeout(requestTimer)
        open.delete(stream)
        if (open.size > 0) return
        clearTimeout(timer)
        timer = setTimeout(() => session.close(), KEEP_ALIVE.keepAliveTimeout)
      })
    })
    session.once('close', () => {
      clearTimeout(handshake)
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
    setCertificate: (tls) => {
      if (!('setSecureContext' in server)) throw new TypeError('This server does not use TLS.')
      server.setSecureContext({ ...tls })
    },
  }
}
