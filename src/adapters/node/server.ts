/** Serves an app with `node:http`, or with `node:http2` if there is a certificate, and times out slow requests. */
import type { Server } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { createAdaptorServer, type Http2Bindings, type HttpBindings } from '@hono/node-server'
import type { ServeCertificate } from '../../server/certificate.ts'
import type { ListeningSocket } from '../../server/listening.ts'
import { keepConnections } from './client-errors.ts'
import { reserveDescriptors } from './descriptors.ts'
import { feedDirectly } from './direct-streams.ts'
import { PORT_SHARING } from './fork-node.ts'
import { followSessions } from './sessions.ts'

/** The options of a Node server. */
export interface NodeServerOptions {
  /** Handles requests: the `fetch` of an app. */
  readonly fetch: (
    request: Request,
    bindings: HttpBindings | Http2Bindings,
  ) => Response | Promise<Response>
  /** The TCP port; 0 for any free port. */
  readonly port: number
  /** The address to listen on. @defaultValue `127.0.0.1` */
  readonly hostname?: string | undefined
  /** Whether workers listen on the same port. @defaultValue `false` */
  readonly isShared?: boolean | undefined
  /** If present, the server uses TLS. @defaultValue none */
  readonly tls?: ServeCertificate | undefined
  /** Whether a server with TLS supports HTTP/2 beside HTTP/1.1. @defaultValue `true` */
  readonly http2?: boolean | undefined
  /**
   * Milliseconds within which a request must arrive with its body. Its headers have 10 s of it at
   * most, and so has the handshake of TLS. @defaultValue `30_000`
   */
  readonly requestTimeoutMs?: number | undefined
  /** Called with an error that the server survives, such as having to refuse connections. @defaultValue none */
  readonly onError?: ((error: Error) => void) | undefined
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
export function serveNode(options: NodeServerOptions): Promise<ListeningSocket> {
  const { fetch, port, hostname = '127.0.0.1', isShared, tls, http2 = true } = options
  const { onError = () => {} } = options
  const timeouts = timeoutsOf(options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS)
  return new Promise((resolve, reject) => {
    const served = { fetch: feedDirectly(fetch), hostname, ...transport(tls, http2, timeouts) }
    const server = createAdaptorServer(served) as Server | Http2SecureServer
    const closing = closingOf(server, timeouts)
    keepConnections(server, KEEP_ALIVE.keepAliveTimeout - timeouts.headersTimeout)
    reserveDescriptors(server, onError)
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      server.on('error', onError)
      resolve(socketOf(server, closing))
    })
    server.listen({ port, host: hostname, ...(isShared && PORT_SHARING) })
  })
}

function timeoutsOf(requestTimeout: number): RequestTimeouts {
  const headersTimeout = Math.min(10_000, requestTimeout)
  const connectionsCheckingInterval = Math.ceil(headersTimeout / 5)
  return { headersTimeout, requestTimeout, connectionsCheckingInterval }
}

function transport(tls: ServeCertificate | undefined, http2: boolean, timeouts: RequestTimeouts) {
  const plain = { ...TCP_KEEP_ALIVE, ...timeouts, ...KEEP_ALIVE }
  if (!tls) return { serverOptions: plain }
  const secure = { ...plain, ...tls, handshakeTimeout: timeouts.headersTimeout }
  if (!http2) return { createServer: createHttpsServer, serverOptions: secure }
  // Browsers open six connections per host with HTTP/1.1, but a hundred streams per connection with HTTP/2.
  return { createServer: createSecureServer, serverOptions: { ...secure, allowHTTP1: true } }
}

/** What differs between servers with and without HTTP/2. */
interface Closing {
  /** Closes connections that carry no request now. */
  closeIdle(): void
  /** Closes all connections. */
  abort(): void
}

function closingOf(server: Server | Http2SecureServer, timeouts: RequestTimeouts): Closing {
  if ('closeAllConnections' in server) {
    return {
      closeIdle: () => server.closeIdleConnections(),
      abort: () => server.closeAllConnections(),
    }
  }
  // It ignores them as options: it has defaults for HTTP/1.1, and no timeouts for HTTP/2.
  Object.assign(server, timeouts, KEEP_ALIVE)
  const closeIdle = followSessions(server, { ...timeouts, ...KEEP_ALIVE })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return {
    closeIdle,
    abort: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function socketOf(server: Server | Http2SecureServer, closing: Closing): ListeningSocket {
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        closing.closeIdle()
      }),
    abort: closing.abort,
    setCertificate: (certificate) => {
      if (!('setSecureContext' in server)) throw new TypeError('This server does not use TLS.')
      server.setSecureContext({ ...certificate })
    },
  }
}
