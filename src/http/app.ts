/** The web face of a hub: one Hono app for every runtime. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { Trace } from '../hub/connection.ts'
import type { Hub } from '../hub/hub.ts'
import type { Access } from './access/access.ts'
import { isPercentEncoded } from './body.ts'
import { noSecretsInQuery } from './guard.ts'
import type { Limits } from './limits.ts'
import { listening } from './listening.ts'
import { metrics } from './metrics.ts'
import { presence } from './presence.ts'
import { problem, problemOf, RETRY_AFTER } from './problem.ts'
import { publishing } from './publishing.ts'
import type { OpenStream } from './stream.ts'
import { ticketing } from './ticketing.ts'

/** What an app is made of. */
export interface AppOptions {
  readonly hub: Hub
  /** How a stream opens on this runtime. @defaultValue `portableStream()` */
  readonly openStream?: OpenStream | undefined
  /** Who may do what. @defaultValue all may do all: the host's own middleware decides who comes in */
  readonly access?: Access | undefined
  /** Middleware in front of all routes; `c.req.url` may not be a URL yet. @defaultValue none */
  readonly before?: readonly MiddlewareHandler[] | undefined
  /** How often streams are opened and events published. @defaultValue no limits */
  readonly limits?: Limits | undefined
  /** How a stream came in, for operators to see. @defaultValue nothing is known */
  readonly traceOf?: ((c: Context) => Trace) | undefined
  /** Hears of every request that is answered, with its answer in `c.res`. @defaultValue nobody */
  readonly onAnswer?: ((c: Context) => void) | undefined
  /** Hears of errors that nobody expected; their clients get 500. @defaultValue `console.error` */
  readonly onError?: ((error: unknown, c: Context) => void) | undefined
}

/** Makes the app; serve it as it is, or mount it with `app.route('/realtime', …)`. */
export function createApp(options: AppOptions): Hono {
  const { hub, openStream, access, before = [], limits = {}, traceOf = nothing } = options
  const { onAnswer, onError = (error) => console.error(error) } = options
  const errors = new Map<number, number>()
  const app = new Hono()
  app.onError((error, c) => problemOf(error, c, onError))
  app.notFound((c) =>
    problem(c, 404, 'Nothing is here: GET /sse listens, POST /broadcast publishes.'),
  )
  app.use(async (c, next) => {
    await next()
    const { status } = c.res
    if (status >= 400) errors.set(status, (errors.get(status) ?? 0) + 1)
    onAnswer?.(c)
  })
  app.use(...before, wellFormedUrl, noSecretsInQuery)
  app.route('/', listening({ hub, access, openStream, traceOf, limit: limits.streams ?? pass }))
  app.route('/', publishing({ hub, access, limit: limits.publishing ?? pass }))
  app.route('/', presence(hub, access))
  app.route('/', metrics({ hub, access, errors }))
  if (access) app.route('/', ticketing(hub, access))
  app.get('/healthz', (c) => c.text('ok'))
  app.get('/readyz', (c) => {
    if (hub.closing) return problem(c, 503, 'The hub is closing: use another.')
    if (hub.ready) return c.text('ready')
    c.header('Retry-After', RETRY_AFTER)
    return problem(c, 503, 'The journal can’t be reached: nothing can be published now.')
  })
  refuseOtherMethods(app)
  return app
}

const nothing = () => undefined
const pass: MiddlewareHandler = (_, next) => next()

const wellFormedUrl: MiddlewareHandler = async (c, next) => {
  // Runtimes put it together from whatever the client sends as Host.
  if (!URL.canParse(c.req.url)) return problem(c, 400, 'The Host header is not a host.')
  if (isPercentEncoded(c.req.url)) return await next()
  return problem(c, 400, 'The URL is not percent-encoded UTF-8.')
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
