/** The Deno door: starts the app on `Deno.serve`. */
import type { Context } from 'hono'
import { portableStream } from './http/stream.ts'
import { run } from './server/run.ts'
import { readableStream } from './streams/readable.ts'

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

await run({
  // Deno has no way to drop one client's socket: a client that reads nothing keeps it until it leaves.
  native: readableStream(),
  portable: portableStream(),
  peerOf: (c: Context<{ Bindings: DenoInfo }>) => c.env.remoteAddr.hostname,
  listen: async ({ fetch }, { PORT, HOST }) => {
    const server = Deno.serve({ port: PORT, hostname: HOST, onListen: () => {} }, fetch)
    return { port: server.addr.port, stop: () => server.shutdown() }
  },
})
