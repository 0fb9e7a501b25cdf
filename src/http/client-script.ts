/** The client for pages without a bundler: `import { connect } from '/client.js'`. */
import { Hono } from 'hono'
import { script } from './client-script.generated.ts'

/** Creates the route `/client.js`. */
export function createClientScript(): Hono {
  return new Hono().get('/client.js', (c) => {
    c.header('Content-Type', 'text/javascript; charset=utf-8')
    c.header('Cache-Control', 'no-cache')
    return c.body(script)
  })
}
