/** The Bun adapter: serves with `Bun.serve`. */
import type { Context } from 'hono'
import { createCompression } from '../../compression/create-compression.ts'
import { openFilesCounter } from '../../server/process/open-files.ts'
import type { ServerAdapter } from '../../server/run.ts'
import { forkBun } from './fork-bun.ts'
import { serveBun } from './server.ts'

/** What Bun passes to an app. https://bun.com/docs/api/http */
interface BunBindings {
  requestIP(request: Request): { readonly address: string } | null
}

/** Creates the adapter for Bun. */
export function bunAdapter(): ServerAdapter {
  return {
    remoteAddress: (c: Context<{ Bindings: BunBindings }>) => c.env.requestIP(c.req.raw)?.address,
    openFiles: openFilesCounter(),
    compression: createCompression,
    listen: serveBun,
    fork: forkBun,
  }
}
