/** Finds out from a request’s context which server handles it, and how that server drops a client. */
import type { Context } from 'hono'
import { getRuntimeKey } from 'hono/adapter'
import { cutOffResponse, type NodeResponse } from './node-response.ts'

/** The runtime of this process. A server that imitates Node’s, as Bun and Deno have, does not make it Node. */
export const RUNTIME: ReturnType<typeof getRuntimeKey> = getRuntimeKey()

/** The part of Bun’s server that streams need. `Bun.serve` passes it to the fetch of an app. */
export interface BunServer {
  /** Sets the number of idle seconds after which the connection of a request is closed; 0 for never. */
  timeout(request: Request, seconds: number): void
}

/** The bindings that servers pass to an app. */
interface Bindings extends Partial<BunServer> {
  readonly outgoing?: NodeResponse
  readonly server?: Partial<BunServer>
}

/** Returns Node’s response to a request, if `@hono/node-server` serves the app on Node. */
export function nodeResponseOf({ env }: Pick<Context, 'env'>): NodeResponse | undefined {
  const { outgoing } = (env ?? {}) as Bindings
  return RUNTIME === 'node' && typeof outgoing?.writeHead === 'function' ? outgoing : undefined
}

/** Returns Bun’s server, if it serves the app. */
export function bunServerOf({ env }: Pick<Context, 'env'>): BunServer | undefined {
  const bindings = (env ?? {}) as Bindings
  const server = bindings.server ?? bindings
  return typeof server.timeout === 'function' ? (server as BunServer) : undefined
}

/**
 * Returns a function that closes the socket of a client that no longer reads; undefined where the
 * runtime does not allow it. It does not refer to the context, because it is stored as long as the stream is open.
 */
export function cutOffOf(c: Pick<Context, 'env' | 'req'>): (() => void) | undefined {
  const outgoing = nodeResponseOf(c)
  if (outgoing) return () => cutOffResponse(outgoing)
  const server = RUNTIME === 'bun' ? bunServerOf(c) : undefined
  if (!server) return undefined
  const { raw } = c.req
  // The minimum is one second: the socket of a client that reads nothing is closed a few seconds later.
  return () => server.timeout(raw, 1)
}
