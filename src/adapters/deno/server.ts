/** Serves with `Deno.serve`, and accepts connections again after an error. */
import type { ListenInit, ListeningSocket } from '../../server/listening.ts'
import { createSocketReserve, LOOPBACK, type SocketReserve } from './socket-reserve.ts'

interface OpenServer {
  readonly addr: { readonly port: number }
  /** Resolves when the server has ended. Rejects when accepting fails. */
  readonly finished: Promise<void>
  shutdown(): Promise<void>
}

/** What Deno passes beside a request. https://docs.deno.com/api/deno/~/Deno.ServeHandlerInfo */
interface DenoRequest {
  /** Settles when the response was sent or could not be. */
  readonly completed: Promise<void>
}

declare const Deno: {
  readonly permissions: {
    query(permission: { name: 'net'; host: string }): Promise<{ readonly state: string }>
  }
  serve(
    options: {
      port: number
      hostname: string
      cert?: string
      key?: string
      signal: AbortSignal
      onListen: () => void
      /** Receives errors of the handler, and of streams that are the body of its response. */
      onError: (error: unknown) => Response
    },
    handler: (request: Request, info: object) => Response | Promise<Response>,
  ): OpenServer
}

/** Starts a server. Rejects if it can't listen on the port, or if the certificate is invalid. */
export async function serveDeno(init: ListenInit): Promise<ListeningSocket> {
  // Without this query, Deno would ask on a terminal.
  const { state } = await Deno.permissions.query({ name: 'net', host: LOOPBACK })
  return abortable(init, await createSocketReserve(state === 'granted'))
}

/** A server that goes on accepting until no request is open, because Deno can't abort one that it is shutting down. */
function abortable(init: ListenInit, reserve: SocketReserve): ListeningSocket {
  let open = 0
  let aborted = false
  let onIdle = () => {}
  const socket = restartable(
    {
      ...init,
      fetch: (request, info) => {
        open += 1
        ;(info as DenoRequest).completed.then(completed, completed)
        return init.fetch(request, info)
      },
    },
    reserve,
  )
  return {
    port: socket.port,
    stop: async () => {
      if (open > 0) await new Promise<void>((resolve) => (onIdle = resolve))
      if (!aborted) await socket.stop()
      // On Deno, the sockets of the reserve keep the process alive.
      reserve.release()
    },
    abort: () => {
      aborted = true
      socket.abort()
      onIdle()
    },
  }

  function completed(): void {
    open -= 1
    if (open === 0) onIdle()
  }
}

/** A server that accepts connections again after an error. Once it was stopped it can't be aborted: Deno then throws where nothing can catch it. */
function restartable(
  { fetch, hostname, tls, ...init }: ListenInit,
  reserve: SocketReserve,
): ListeningSocket {
  const cut = new AbortController()
  let server = serve(init.port)
  const { port } = server.addr
  let stopped = false
  restartOnError(server)
  return {
    port,
    stop: () => {
      stopped = true
      return server.shutdown()
    },
    abort: () => {
      stopped = true
      cut.abort()
    },
  }

  function serve(port: number): OpenServer {
    const { signal } = cut
    return Deno.serve({ port, hostname, ...tls, signal, onListen: () => {}, onError }, fetch)
  }

  /** Deno stops accepting at the first error, such as too many open files; open streams continue. */
  function restartOnError({ finished }: OpenServer): void {
    finished.catch(async (error: unknown) => {
      init.onError(error)
      reserve.release()
      // At once it would only fail again.
      do await sleep(RESTART_MS)
      while (!stopped && !((await reserve.refill()) && restart()))
    })
  }

  function restart(): boolean {
    try {
      server = serve(port)
    } catch {
      return false
    }
    restartOnError(server)
    return true
  }
}

/** Writes what `Deno.serve` writes by default, except for a stream that was cut off on purpose. */
function onError(error: unknown): Response {
  if (!(error instanceof DOMException && error.name === 'AbortError')) console.error(error)
  return new Response('Internal Server Error', { status: 500 })
}

/** Milliseconds between two attempts to accept connections again. */
const RESTART_MS = 500

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
