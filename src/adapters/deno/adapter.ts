/** The Deno adapter: serves with `Deno.serve`. */
import type { Context } from 'hono'
import { createCompression } from '../../compression/create-compression.ts'
import type { ServerAdapter } from '../../server/run.ts'
import { serveDeno } from './server.ts'

/** What Deno provides about a request. */
interface DenoInfo {
  readonly remoteAddr: { readonly hostname: string }
}

declare const Deno: {
  readonly stdout: { write(bytes: Uint8Array): Promise<number> }
}

/** Creates the adapter for Deno. */
export function denoAdapter(): ServerAdapter {
  return {
    remoteAddress: (c: Context<{ Bindings: DenoInfo }>) => c.env.remoteAddr.hostname,
    writeLog: async (bytes) => {
      // node:fs would block the event loop here while a pipe is full.
      for (let at = 0; at < bytes.byteLength; ) at += await Deno.stdout.write(bytes.subarray(at))
    },
    compression: createCompression,
    listen: serveDeno,
  }
}
