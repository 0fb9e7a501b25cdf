/** The route of the OpenAPI document, which describes all routes. */
import { type Context, Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { z } from 'zod'
import { valid } from '../middleware/validate.ts'
import { handoverOf } from '../openers/handed-over.ts'
import { OpenApiQuery, type OpenApiVersion } from '../schemas/requests.ts'
import { asRoutes, type StreamRoute } from './types.ts'

/** What the document depends on that only a request can tell. */
export interface DescriptionInit {
  readonly version: OpenApiVersion
  /** Whether every response has an `X-Request-Id`. */
  readonly requestIds: boolean
}

/** The type of the route of the OpenAPI document. */
export type OpenApiRoutes = {
  '/openapi.json': { $get: StreamRoute<{ query?: z.input<typeof OpenApiQuery> }> }
}

/** Creates the route of the OpenAPI document. The document is public and is built when it is first requested. */
export function openApiRoutes(
  describe: (init: DescriptionInit) => object,
): Hono<BlankEnv, OpenApiRoutes> {
  const documents = new Map<string, string>()
  const app = new Hono().get('/openapi.json', valid('query', OpenApiQuery), (c) => {
    const { version } = c.req.valid('query')
    const requestIds = answersWithId(c as unknown as Context)
    const key = `${version} ${requestIds}`
    const document = documents.get(key) ?? JSON.stringify(describe({ version, requestIds }))
    documents.set(key, document)
    return c.body(document, 200, { 'Content-Type': 'application/json' })
  })
  return asRoutes(app)
}

/** Whether request-id middleware, such as Hono's, runs before this app, in it or in the app that mounts it, with its default header. */
function answersWithId(c: Context): boolean {
  const id: unknown = c.get('requestId')
  if (id === undefined) return false
  const sent = handoverOf(c)?.headers?.['x-request-id'] ?? c.res.headers.get('X-Request-Id')
  return sent === id
}
