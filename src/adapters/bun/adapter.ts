/** The Bun adapter: serves with `Bun.serve`. */
import type { Context } from 'hono'
import { portableStream } from '../../http/stream.ts'
import { NOT_ACCEPTED, type Report } from '../../server/report.ts'
import type { Listener, ServerAdapter } from '../../server/run.ts'
import { createReserve } from './descriptor-reserve.ts'
import { type BunBindings, bunStream, requestCutOff } from './stream.ts'

/** The part of Bun's server that this adapter uses. https://bun.com/docs/api/http */
interface BunServer extends BunBindings {
  readonly port: number
  stop(): Promise<void>
  requestIP(request: Request): { readonly address: string } | null
}

declare const Bun: {
  serve(options: {
    fetch: (request: Request, server: BunServer) => Response | Promise<Response>
    port: number
    hostname: string
    idleTimeout: number
  }): BunServer
}

type BunContext = Context<{ Bindings: BunServer }>

/** Creates the adapter for Bun. */
export function bunAdapter(): ServerAdapter {
  return {
    native: bunStream(),
    portable: portableStream((c: BunContext) => requestCutOff(c)()),
    remoteAddress: (c: BunContext) => c.env.requestIP(c.req.raw)?.address,
    listen: async ({ fetch }, { PORT, HOST }, report) => {
      // With an idle timeout, Bun 1.4 closes a kept-alive connection even if it is busy. Without one,
      // the hub aborts stalled streams, and the kernel drops a vanished peer after enough retransmissions.
      const serve = (port: number) => Bun.serve({ fetch, port, hostname: HOST, idleTimeout: 0 })
      return pausable(serve, PORT, report)
    },
  }
}

/** Milliseconds between two looks at the descriptors. */
const CHECK_MS = 1_000

/**
 * A server that stops accepting while the process has no free file descriptor: Bun would try again and
 * again, and use a whole core. Stopping also closes connections without a request; open streams go on.
 */
function pausable(serve: (port: number) => BunServer, firstPort: number, report: Report): Listener {
  let server = serve(firstPort)
  const { port } = server
  const reserve = createReserve()
  let ended: Promise<unknown> = Promise.resolve()
  let accepting = true
  // Also what keeps the process alive while it does not listen.
  const timer = setInterval(check, CHECK_MS)
  return {
    port,
    stop: async () => {
      clearInterval(timer)
      stopServer()
      await ended
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
    report(NOT_ACCEPTED, new Error(NO_DESCRIPTORS))
  }

  function resume(): void {
    if (!reserve.refill()) return
    try {
      server = serve(port)
      accepting = true
    } catch (error) {
      // Another process may have taken the port.
      report(NOT_ACCEPTED, error)
    }
  }

  function stopServer(): void {
    ended = Promise.allSettled([ended, server.stop()])
  }
}

const NO_DESCRIPTORS =
  'Connections are refused because this process may open no more files: raise the limit, for example with ulimit -n or LimitNOFILE=.'
