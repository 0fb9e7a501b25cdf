/** The web face of a hub: one Hono app for every runtime. */
import { type Context, Hono } from 'hono'
import type { Hub } from '../hub/hub.ts'
import { isPercentEncoded } from './body.ts'
import { StreamQuery } from './contract.ts'
import { presence } from './presence.ts'
import { problem, problemOf } from './problem.ts'
import { publishing } from './publishing.ts'
import { type OpenStream, streamEvents } from './stream.ts'
import { valid } from './valid.ts'

/** What an app is made of. */
export interface AppOptions {
  readonly hub: Hub
  /** How a stream opens on this runtime. @defaultValue `portableStream()` */
  readonly openStream?: OpenStream | undefined
  /** Hears of errors that nobody expected; their clients get 500. @defaultValue `console.error` */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** Makes the app; serve it as it is, or mount it with `app.route('/realtime', …)`. */
export function createApp({ hub, openStream, onError = console.error }: AppOptions): Hono {
  const app = new Hono()
  app.onError((error, c) => problemOf(error, c, onError))
  app.notFound((c) =>
    problem(c, 404, 'There is nothing here: GET /sse listens, POST /broadcast publishes.'),
  )
  app.use(async (c, next) => {
    if (isPercentEncoded(c.req.url)) return next()
    return problem(c, 400, 'The URL is not percent-encoded UTF-8.')
  })
  app.get('/sse', valid('query', StreamQuery), (c) => {
    const { id = crypto.randomUUID(), topic, lastEventId } = c.req.valid('query')
    return streamEvents(c, { hub, client: id, topics: topic, lastEventId, openStream })
  })
  app.route('/', publishing(hub))
  app.route('/', presence(hub))
  app.get('/healthz', (c) => c.text('ok'))
  app.get('/readyz', (c) => {
    return hub.closing ? problem(c, 503, 'The hub is closing: use another.') : c.text('ready')
  })
  refuseOtherMethods(app)
  return app
}

/** A path that exists answers 405 to a method that it does not have, and OPTIONS with those it has. */
function refuseOtherMethods(app: Hono): void {
  const methods = new Map<string, Set<string>>()
  for (const { path, method } of app.routes) {
    if (method === 'ALL') continue
    const known = methods.get(path) ?? new Set(['OPTIONS'])
    methods.set(path, known.add(method))
    if (method === 'GET') known.add('HEAD')
  }
  for (const [path, known] of methods) {
    const allow = [...known].sort().join(', ')
    app.all(path, (c: Context) => {
      c.header('Allow', allow)
      if (c.req.method === 'OPTIONS') return c.body(null, 204)
      return problem(c, 405, `${c.req.method} is not for this path: use ${allow}.`)
    })
  }
}
