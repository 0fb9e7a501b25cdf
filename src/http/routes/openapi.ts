/** The route of the OpenAPI document, which describes all routes. */
import { Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import { asRoutes, type StreamRoute } from './types.ts'

/** The type of the route of the OpenAPI document. */
export type OpenApiRoutes = {
  '/openapi.json': { $get: StreamRoute<object> }
}

/** Creates the route of the OpenAPI document. The document is public and is built on the first request. */
export function openApiRoutes(describe: () => object): Hono<BlankEnv, OpenApiRoutes> {
  let document: string | undefined
  const app = new Hono().get('/openapi.json', (c) => {
    document ??= JSON.stringify(describe())
    return c.body(document, 200, { 'Content-Type': 'application/json' })
  })
  return asRoutes(app)
}
