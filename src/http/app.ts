/** The HTTP interface of a hub: one Hono app for every runtime. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { every } from 'hono/combine'
import type { BlankEnv } from 'hono/types'
import type { ConnectionInfo } from '../hub/connection.ts'
import type { Hub } from '../hub/hub.ts'
import type { Access } from './auth/authorizer.ts'
import { createLoginAccess, type Login } from './auth/login.ts'
import { noSecretsInQuery, passThrough } from './middleware/authorize.ts'
import { isPercentEncoded } from './middleware/body.ts'
import { originText } from './middleware/origins.ts'
import type { Limits } from './middleware/rate-limit.ts'
import { createDocument } from './openapi/document.ts'
import { problem, problemOf, RETRY_AFTER } from './problem.ts'
import { type ClientRoutes, clientRoutes } from './routes/clients.ts'
import { type MetricsRoutes, metricsRoutes } from './routes/metrics.ts'
import { type OpenApiRoutes, openApiRoutes } from './routes/openapi.ts'
import { type PublishRoutes, publishRoutes } from './routes/publish.ts'
import { type SseRoutes, sseRoutes } from './routes/sse.ts'
import { type TicketRoutes, ticketRoutes } from './routes/tickets.ts'
import { asRoutes, type TextRoute } from './routes/types.ts'
import type { OpenStream } from './stream.ts'

/** Options of {@link createApp}. */
export interface AppOptions {
  /** The hub that the app serves. It MUST come from `createHub` of this package. */
  readonly hub: Hub
  /** How streams open on this runtime. @defaultValue `portableStream()` */
  readonly openStream?: OpenStream | undefined
  /** The page at `/`: `createDashboard()`. @defaultValue none: `/` returns 404 */
  readonly dashboard?: Hono | undefined
  /** The client at `/client.js`, for pages without a bundler: `createClientScript()`. @defaultValue none */
  readonly clientScript?: Hono | undefined
  /**
   * Who may do what: `createAccess({ hub, keys })`; a function that returns what the person who is
   * logged in may do; or `'anyone'`, if anyone who reaches the app may do anything.
   */
  readonly access: Access | Login | 'anyone'
  /** Middleware that runs before every route of this app. `c.req.url` is not checked yet and may be malformed. @defaultValue none */
  readonly middleware?: readonly MiddlewareHandler[] | undefined
  /** Rate limits for opening streams and publishing: `createLimits({ hub, … })`. @defaultValue none */
  readonly limits?: Limits | undefined
  /** Describes the request that opened a stream, for operators. @defaultValue nothing */
  readonly connectionInfo?: ((c: Context) => ConnectionInfo) | undefined
  /** Returns whether the server is about to stop: `/readyz` then returns 503, and everything else continues. @defaultValue never */
  readonly isRetiring?: (() => boolean) | undefined
  /** Called after every request, with the response in `c.res`. @defaultValue nothing */
  readonly onResponse?: ((c: Context) => void) | undefined
  /** Called with every unexpected error; its request receives 500. @defaultValue `console.error` */
  readonly onError?: ((error: unknown, c: Context) => void) | undefined
}

type HealthRoutes = {
  '/healthz': { $get: TextRoute<'ok'> }
  '/readyz': { $get: TextRoute<'ready'> }
}

/** The app with its routes, for a typed client: `hc<AppType>(url)`. */
export type AppType = Hono<
  BlankEnv,
  SseRoutes &
    PublishRoutes &
    ClientRoutes &
    MetricsRoutes &
    TicketRoutes &
    OpenApiRoutes &
    HealthRoutes
>

/**
 * Creates the app. Serve it as it is, or mount it: `app.route('/realtime', createApp({ hub, access }))`.
 * @throws {TypeError} when `access` is missing, an option is unknown, or `createHub` of this package did
 * not create the hub
 */
export function createApp(options: AppOptions): AppType {
  checkOptions(options)
  const { hub, openStream, middleware = [], limits = {}, connectionInfo = nothing } = options
  const access = accessOf(options)
  const { isRetiring, onResponse, onError = (error) => console.error(error) } = options
  const errors = new Map<number, number>()
  const guard = every(
    async (c, next) => {
      await next()
      const { status } = c.res
      if (status >= 400) errors.set(status, (errors.get(status) ?? 0) + 1)
      onResponse?.(c)
    },
    ...middleware,
    wellFormedUrl,
    noSecretsInQuery,
  )
  const app = new Hono()
  app.onError((error, c) => problemOf(error, c, onError))
  // Only if this app is served as it is. In another app, unknown paths are that app's own.
  app.notFound(async (c) => {
    const response = await guard(c, async () => {
      c.res = problem(c, 404, NO_SUCH_PATH)
    })
    return response ?? c.res
  })
  const tickets: Hono<BlankEnv, TicketRoutes> = access ? ticketRoutes(hub, access) : new Hono()
  const describe = () => createDocument({ routes: app.routes, guarded: access !== undefined })
  const routes = new Hono()
    .route(
      '/',
      sseRoutes({ hub, access, openStream, connectionInfo, limit: limits.streams ?? passThrough }),
    )
    .route('/', publishRoutes({ hub, access, limit: limits.publishing ?? passThrough }))
    .route('/', clientRoutes(hub, access))
    .route('/', metricsRoutes({ hub, access, errors }))
    .route('/', tickets)
    .route('/', openApiRoutes(describe))
    .get('/healthz', (c) => c.text('ok', 200))
    .get('/readyz', (c) => {
      if (hub.closing || isRetiring?.())
        return problem(c, 503, 'The hub is shutting down: use another instance.')
      if (hub.ready) return c.text('ready', 200)
      c.header('Retry-After', RETRY_AFTER)
      return problem(
        c,
        503,
        'The journal can’t be reached, so events can’t be published: try again later.',
      )
    })
  if (options.dashboard) routes.route('/', options.dashboard)
  if (options.clientScript) routes.route('/', options.clientScript)
  refuseOtherMethods(routes)
  // Not for all paths: an app that mounts this one at / keeps its own routes to itself.
  for (const path of new Set(routes.routes.map(({ path }) => path))) app.use(path, guard)
  return asRoutes(app.route('/', routes))
}

/** The names of all options: a misspelt one must not be left out in silence. */
const OPTIONS: Readonly<Record<keyof AppOptions, true>> = {
  hub: true,
  access: true,
  openStream: true,
  dashboard: true,
  clientScript: true,
  middleware: true,
  limits: true,
  connectionInfo: true,
  isRetiring: true,
  onResponse: true,
  onError: true,
}

const ACCESS_RULE =
  "createApp requires access: createAccess({ hub, keys }), a function that returns what the person who is logged in may do, or 'anyone'."

function checkOptions(options: AppOptions): void {
  const unknown = Object.keys(options).find((name) => !(name in OPTIONS))
  if (unknown !== undefined) throw new TypeError(`createApp has no option "${unknown}".`)
  if (!options.access) throw new TypeError(ACCESS_RULE)
}

/** The access control; undefined where every request that arrives may do anything. */
function accessOf({ hub, access }: AppOptions): Access | undefined {
  if (access === 'anyone') return undefined
  if (typeof access === 'function') return createLoginAccess(hub, access)
  if (typeof access === 'object') return access
  throw new TypeError(ACCESS_RULE)
}

const NO_SUCH_PATH = 'No such path: use GET /sse to listen, or POST /broadcast to publish.'

const nothing = () => undefined

const wellFormedUrl: MiddlewareHandler = async (c, next) => {
  // Runtimes build the URL from whatever the client sends as Host.
  if (!isOrigin(originText(c.req.url)))
    return problem(c, 400, 'The Host header is malformed: send the host and port of this hub.')
  if (isPercentEncoded(c.req.url)) return await next()
  return problem(
    c,
    400,
    'The URL is not valid percent-encoded UTF-8: encode ids and topics with encodeURIComponent.',
  )
}

let latestOrigin: string | undefined

/** Whether a URL can start like this. The latest result is cached, because most requests name the same host. */
function isOrigin(text: string): boolean {
  if (text === latestOrigin) return true
  if (!URL.canParse(text)) return false
  latestOrigin = text
  return true
}

/** Returns 405 for an unsupported method of a path, and answers OPTIONS with the supported ones. */
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
      return problem(c, 405, `This path does not support ${c.req.method}: use ${allow}.`)
    })
  }
}
