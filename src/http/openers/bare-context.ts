/** The part of Hono’s context that streams use, for requests that no Hono app handles. */
import type { Context } from 'hono'

/** The part of a request that streams use. */
export interface BareRequest {
  readonly method: string
  header(name: string): string | undefined
  /** @defaultValue none: nothing refers to it */
  readonly raw?: Request
}

/** Creates a context for {@link streamEvents}. @param env - what the server passes beside the request */
export function bareContext(req: BareRequest, env: unknown): Context {
  const headers = new Headers()
  const header: Context['header'] = (name, value, options) => {
    if (value === undefined) headers.delete(name)
    else if (options?.append) headers.append(name, value)
    else headers.set(name, value)
  }
  const body = (data: BodyInit | null, status = 200, own: Record<string, string> = {}) => {
    for (const [name, value] of Object.entries(own)) headers.set(name, value)
    return new Response(data, { status, headers })
  }
  return { req, env, header, body } as unknown as Context
}

type BodyInit = ConstructorParameters<typeof Response>[0]
