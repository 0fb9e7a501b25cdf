/** The route that tells what all routes are. */
import { Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import { asRoutes, type StreamRoute } from './types.ts'

/** The route of the OpenAPI document, as a type. */
export type OpenApiRoutes = {
  '/openapi.json': { $get: StreamRoute<object> }
}

/** The route of the OpenAPI document, which is public, and made when first it is asked for. */
export function openApiRoutes(describe: () => object): Hono<BlankEnv, OpenApiRoutes> {
  let document: string | undefined
  const app = new Hono().get('/openapi.json', (c) => {
    document ??= JSON.stringify(describe())
    return c.body(document, 200, { 'Content-Type': 'application/json' })
  })
  return asRoutes(app)
}
