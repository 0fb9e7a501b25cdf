/** A context for what checks one event of a batch, a login or a limit: it may set headers or respond, and the batch goes on. */
import type { Context } from 'hono'

type ContextClass = new (
  request: Request,
  options: { readonly env: unknown; readonly path: string },
) => Context

/**
 * Returns a context of the same request, with its path, its parameters, its variables and its runtime, but without a
 * response: that of the batch may have begun. Older versions of Hono do not export the class.
 */
export function eventContext(c: Context): Context {
  const own = new (c.constructor as ContextClass)(c.req.raw, { env: c.env, path: c.req.path })
  Object.defineProperty(own, 'req', { value: c.req })
  Object.defineProperty(own, 'executionCtx', { get: () => c.executionCtx })
  for (const [name, value] of Object.entries(c.var)) own.set(name, value)
  return own
}
