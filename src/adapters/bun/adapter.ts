/** The Bun adapter: serves with `Bun.serve`. */
import type { Context } from 'hono'
import { portableStream } from '../../http/stream.ts'
import type { ServerAdapter } from '../../server/run.ts'
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
    listen: async ({ fetch }, { PORT, HOST }) => {
      // With an idle timeout, Bun 1.4 closes a kept-alive connection even if it is busy. Without one,
      // the hub aborts stalled streams, and the kernel drops a vanished peer after enough retransmissions.
      const server = Bun.serve({ fetch, port: PORT, hostname: HOST, idleTimeout: 0 })
      return { port: server.port, stop: () => server.stop() }
    },
  }
}
