/** The Deno door: `Deno.serve`. */
import type { Context } from 'hono'
import { portableStream } from '../../http/stream.ts'
import { webStream } from '../../http/web-stream.ts'
import type { ServerAdapter } from '../../server/run.ts'

/** What Deno tells of a request. */
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

/** What Deno brings along. */
export function denoAdapter(): ServerAdapter {
  return {
    // Deno has no way to drop one client's socket: a client that reads nothing keeps it until it leaves.
    native: webStream(),
    portable: portableStream(),
    remoteAddress: (c: Context<{ Bindings: DenoInfo }>) => c.env.remoteAddr.hostname,
    listen: async ({ fetch }, { PORT, HOST }) => {
      const server = Deno.serve({ port: PORT, hostname: HOST, onListen: () => {} }, fetch)
      return { port: server.addr.port, stop: () => server.shutdown() }
    },
  }
}
