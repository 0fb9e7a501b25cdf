/** The route that tells what all routes are. */
import { Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import { declared, type Sending } from './types.ts'

/** The route of the OpenAPI document, as a type. */
export type DescribingRoutes = {
  '/openapi.json': { $get: Sending<object> }
}

/** The route of the OpenAPI document, which is public, and made when first it is asked for. */
export function describing(describe: () => object): Hono<BlankEnv, DescribingRoutes> {
  let document: string | undefined
  const app = new Hono().get('/openapi.json', (c) => {
    document ??= JSON.stringify(describe())
    return c.body(document, 200, { 'Content-Type': 'application/json' })
  })
  return declared(app)
}
