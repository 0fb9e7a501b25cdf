/** The Bun door: `Bun.serve`. */
import type { Context } from 'hono'
import { portableStream } from '../../http/stream.ts'
import type { ServerAdapter } from '../../server/run.ts'
import { type BunBindings, bunStream, requestCutOff } from './stream.ts'

/** The part of Bun's server that this door uses. https://bun.com/docs/api/http */
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

/** What Bun brings along. */
export function bunAdapter(): ServerAdapter {
  return {
    native: bunStream(),
    portable: portableStream((c: BunContext) => requestCutOff(c)()),
    remoteAddress: (c: BunContext) => c.env.requestIP(c.req.raw)?.address,
    listen: async ({ fetch }, { PORT, HOST }) => {
      // Bun 1.4 cuts a connection that is kept alive after so many seconds, busy or not, in mid-request if
      // need be. So no timer of Bun's: the hub cuts off who stalls, and TCP gives up a peer that vanished,
      // since heartbeats keep writing to it.
      const server = Bun.serve({ fetch, port: PORT, hostname: HOST, idleTimeout: 0 })
      return { port: server.port, stop: () => server.stop() }
    },
  }
}
