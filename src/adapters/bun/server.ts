/** Serves with `Bun.serve`, without its idle timeout, and stops accepting while no file descriptor is free. */
import { createSecureContext } from 'node:tls'
import type { ServeCertificate } from '../../server/certificate.ts'
import type { ListenInit, ListeningSocket } from '../../server/listening.ts'
import { createReserve } from './descriptor-reserve.ts'

/** The part of Bun's server that is used here. https://bun.com/docs/api/http */
interface OpenServer {
  readonly port: number
  stop(closeActiveConnections?: boolean): Promise<void>
}

declare const Bun: {
  serve(options: {
    fetch: (request: Request, server: OpenServer) => Response | Promise<Response>
    port: number
    hostname: string
    idleTimeout: number
    reusePort: boolean
    development: boolean
    tls?: { cert: string; key: string }
    http2?: boolean
  }): OpenServer
}

/** Starts a server. Rejects if it can't listen on the port, or if the certificate is invalid. */
export async function serveBun(init: ListenInit): Promise<ListeningSocket> {
  const { fetch, hostname, http2, isShared: reusePort = false, onError } = init
  let { tls } = init
  // With an idle timeout, Bun 1.4 closes a kept-alive connection even if it is busy. Without one,
  // the hub aborts stalled streams, and the kernel drops a vanished peer after enough retransmissions.
  // In development, Bun would send the stack of an error to the client.
  const answer: typeof fetch = (request, bindings) => fetch(withOrigin(request), bindings)
  const options = { fetch: answer, hostname, idleTimeout: 0, development: false, reusePort }
  const serve = (port: number) => Bun.serve({ ...options, ...(tls && { tls, http2 }), port })
  const { renew, ...socket } = pausable(serve, init.port, onError)
  return {
    ...socket,
    setCertificate: (certificate: ServeCertificate) => {
      // Bun.serve would not start with an invalid one.
      createSecureContext(certificate)
      tls = certificate
      renew()
    },
  }
}

/** HTTP/1.0 permits a request without a Host header, as health checks send it. Bun gives it a URL that is only a path. */
function withOrigin(request: Request): Request {
  const { url } = request
  if (!url.startsWith('/')) return request
  // A new request would lose the remote address, which Bun finds by the request itself.
  return Object.defineProperty(request, 'url', { value: `http://localhost${url}` })
}

/** Milliseconds between two looks at the descriptors. */
const CHECK_MS = 250

/**
 * A server that stops accepting while the process has no free file descriptor: Bun would try again and
 * again, and use a whole core. Stopping also closes connections without a request; open streams go on.
 * `renew` stops it, too, and lets another one accept.
 */
function pausable(
  serve: (port: number) => OpenServer,
  firstPort: number,
  onError: (error: unknown) => void,
): ListeningSocket & { renew(): void } {
  let server = serve(firstPort)
  const { port } = server
  const reserve = createReserve()
  /** Servers that no longer accept connections, and when their streams end. */
  const stopped = new Map<OpenServer, Promise<unknown>>()
  let accepting = true
  // Also what keeps the process alive while it does not listen.
  const timer = setInterval(check, CHECK_MS)
  return {
    port,
    stop: async () => {
      clearInterval(timer)
      stopServer()
      await Promise.all(stopped.values())
    },
    abort: () => {
      for (const one of [...stopped.keys(), server]) void one.stop(true)
    },
    renew: () => {
      if (!accepting) return
      stopServer()
      accepting = false
      resume()
    },
  }

  function check(): void {
    if (!accepting) resume()
    else if (reserve.isExhausted()) pause()
  }

  function pause(): void {
    accepting = false
    stopServer()
    reserve.release()
    onError(new Error(NO_DESCRIPTORS))
  }

  function resume(): void {
    if (!reserve.refill()) return
    try {
      server = serve(port)
      accepting = true
    } catch (error) {
      // Another process may have taken the port.
      onError(error)
    }
  }

  function stopServer(): void {
    const one = server
    const ended = one.stop().catch(onError)
    stopped.set(
      one,
      ended.then(() => stopped.delete(one)),
    )
  }
}

const NO_DESCRIPTORS =
  'Connections are refused because this process may open no more files: raise the limit, for example with ulimit -n or LimitNOFILE=.'
