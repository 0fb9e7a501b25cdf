/** The Deno adapter: serves with `Deno.serve`. */
import type { Context } from 'hono'
import { portableStream } from '../../http/stream.ts'
import { webStream } from '../../http/web-stream.ts'
import type { ServerAdapter } from '../../server/run.ts'

/** What Deno provides about a request. */
interface DenoInfo {
  readonly remoteAddr: { readonly hostname: string }
}

declare const Deno: {
  serve(
    options: { port: number; hostname: string; onListen: () => void },
    handler: (request: Request, info: DenoInfo) => Response | Promise<Response>,
  ): {
    readonly addr: { readonly port: number }
    shutdown(): Promise<void>
  }
}

/** Creates the adapter for Deno. */
export function denoAdapter(): ServerAdapter {
  return {
    // Deno can't close the socket of a single client: a client that reads nothing keeps it until it disconnects.
    native: webStream(),
    portable: portableStream(),
    remoteAddress: (c: Context<{ Bindings: DenoInfo }>) => c.env.remoteAddr.hostname,
    listen: async ({ fetch }, { PORT, HOST }) => {
      const server = Deno.serve({ port: PORT, hostname: HOST, onListen: () => {} }, fetch)
      return { port: server.addr.port, stop: () => server.shutdown() }
    },
  }
}
