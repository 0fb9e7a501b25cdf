/** The Bun door: starts the app on `Bun.serve`. */
import type { Context } from 'hono'
import { portableStream } from './http/stream.ts'
import { run } from './server/run.ts'
import { readableStream } from './streams/readable.ts'

/** The part of Bun's server that this door uses. https://bun.com/docs/api/http */
interface BunServer {
  readonly port: number
  stop(): Promise<void>
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

/** One second is the least: the socket of a client that reads nothing is gone some seconds later. */
const cutOff = (c: Context<{ Bindings: BunServer }>) => c.env.timeout(c.req.raw, 1)

await run({
  native: readableStream(cutOff),
  portable: portableStream(cutOff),
  peerOf: (c: Context<{ Bindings: BunServer }>) => c.env.requestIP(c.req.raw)?.address,
  listen: async ({ fetch }, { PORT, HOST }) => {
    // Bun 1.4 cuts a connection that is kept alive after so many seconds, busy or not, in mid-request if
    // need be. So no timer of Bun's: the hub cuts off who stalls, and TCP gives up a peer that vanished,
    // since heartbeats keep writing to it.
    const server = Bun.serve({ fetch, port: PORT, hostname: HOST, idleTimeout: 0 })
    return { port: server.port, stop: () => server.stop() }
  },
})
