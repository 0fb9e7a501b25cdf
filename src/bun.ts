/** The Bun door: starts the app on `Bun.serve`. */
import type { Context } from 'hono'
import { portableStream } from './http/stream.ts'
import { run } from './server/run.ts'
import { readableStream } from './streams/readable.ts'

/** The part of Bun's server that this door uses. https://bun.com/docs/api/http */
interface BunServer {
  readonly port: number
  stop(closeActiveConnections: boolean): Promise<void>
  /** Seconds of quiet after which the request's connection is closed. */
  timeout(request: Request, seconds: number): void
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

/** What Bun allows, in seconds. */
const MAX_IDLE_SECONDS = 255

/** One second is the least: the socket of a client that reads nothing is gone some seconds later. */
const cutOff = (c: Context<{ Bindings: BunServer }>) => c.env.timeout(c.req.raw, 1)

await run({
  native: readableStream(cutOff),
  portable: portableStream(cutOff),
  peerOf: (c: Context<{ Bindings: BunServer }>) => c.env.requestIP(c.req.raw)?.address,
  listen: async ({ fetch }, { PORT, HOST, HEARTBEAT_SECONDS }) => {
    // Never 0: Bun's own timer is what reaps a client that vanished. Heartbeats come well before it.
    const idleTimeout = Math.min(MAX_IDLE_SECONDS, Math.ceil(HEARTBEAT_SECONDS * 4))
    const server = Bun.serve({ fetch, port: PORT, hostname: HOST, idleTimeout })
    return { port: server.port, stop: (how) => server.stop(how === 'force') }
  },
})
