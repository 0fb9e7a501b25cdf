/** The Deno adapter: serves with `Deno.serve`. */
import type { Context } from 'hono'
import { portableStream } from '../../http/stream.ts'
import { webStream } from '../../http/web-stream.ts'
import { NOT_ACCEPTED } from '../../server/report.ts'
import type { ServerAdapter } from '../../server/run.ts'

/** What Deno provides about a request. */
interface DenoInfo {
  readonly remoteAddr: { readonly hostname: string }
}

interface DenoServer {
  readonly addr: { readonly port: number }
  /** Rejects when accepting fails. */
  readonly finished: Promise<void>
  shutdown(): Promise<void>
}

declare const Deno: {
  serve(
    options: { port: number; hostname: string; onListen: () => void },
    handler: (request: Request, info: DenoInfo) => Response | Promise<Response>,
  ): DenoServer
  readonly stdout: { write(bytes: Uint8Array): Promise<number> }
}

/** Creates the adapter for Deno. */
export function denoAdapter(): ServerAdapter {
  return {
    // Deno can't close the socket of a single client: it stays open until a client that reads nothing disconnects.
    native: webStream(),
    portable: portableStream(),
    remoteAddress: (c: Context<{ Bindings: DenoInfo }>) => c.env.remoteAddr.hostname,
    writeLog: async (bytes) => {
      // node:fs would block the event loop here while a pipe is full.
      for (let at = 0; at < bytes.byteLength; ) at += await Deno.stdout.write(bytes.subarray(at))
    },
    listen: async ({ fetch }, { PORT, HOST }, report) => {
      let server = serve(PORT)
      const { port } = server.addr
      let stopped = false
      restartOnError(server)
      return {
        port,
        stop: () => {
          stopped = true
          return server.shutdown()
        },
      }

      function serve(port: number): DenoServer {
        return Deno.serve({ port, hostname: HOST, onListen: () => {} }, fetch)
      }

      /** Deno stops accepting at the first error, such as too many open files; open streams continue. */
      function restartOnError({ finished }: DenoServer): void {
        finished.catch(async (error: unknown) => {
          report(NOT_ACCEPTED, error)
          // At once it would only fail again.
          do await sleep(RESTART_MS)
          while (!stopped && !restart())
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
    },
  }
}

/** Milliseconds between two attempts to accept connections again. */
const RESTART_MS = 500

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
