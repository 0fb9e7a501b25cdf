/** The HTTP interface of a hub: one Hono app for every runtime. */
import {
  type Context,
  type Handler,
  Hono,
  type MiddlewareHandler,
  type NotFoundHandler,
} from 'hono'
import type { BlankEnv } from 'hono/types'
import type { AnyEvents } from '../core/declared-events.ts'
import { RETRY_AFTER } from '../core/errors.ts'
import { KIND, type Kinds, optionsProblem } from '../core/options/option-kinds.ts'
import type { ConnectionInfo } from '../hub/connections/connection-types.ts'
import { isolatedReport } from '../hub/hooks/isolate.ts'
import type { Hub } from '../hub/hub-types.ts'
import { internalsOf, isOfOtherHub } from '../hub/internals.ts'
import type { Access } from './auth/authorizer.ts'
import { createLoginAccess, type Login } from './auth/login.ts'
import { passThrough } from './middleware/authorize.ts'
import { createGuard, type Guard } from './middleware/guard.ts'
import type { Limits } from './middleware/rate-limit.ts'
import { createDocument } from './openapi/document.ts'
import type { OpenStream } from './openers/open-stream.ts'
import { problem, problemOf } from './problem.ts'
import { type ClientRoutes, clientRoutes } from './routes/clients.ts'
import { type MetricsRoutes, metricsRoutes } from './routes/metrics.ts'
import { type DescriptionInit, type OpenApiRoutes, openApiRoutes } from './routes/openapi.ts'
import { type PublishRoutes, publishRoutes } from './routes/publish.ts'
import { type SseRoutes, sseRoutes } from './routes/sse.ts'
import { type StopRoutes, stopRoutes } from './routes/stop.ts'
import { type TicketRoutes, ticketRoutes } from './routes/tickets.ts'
import { asRoutes, type TextRoute } from './routes/types.ts'

/** Options of {@link createApp}. */
export interface AppOptions<Events extends object = AnyEvents> {
  /** The hub that the app serves. It MUST come from `createHub` of this package. */
  readonly hub: Hub<Events>
  /** How streams open on this runtime. @defaultValue the fastest way that the server offers */
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
  /** The maximum number of events of a batch that is a JSON array; batches in NDJSON have no limit. @defaultValue `10_000` */
  readonly maxBatchEvents?: number | undefined
  /** Describes the request that opened a stream, for operators. @defaultValue nothing */
  readonly connectionInfo?: ((c: Context) => ConnectionInfo) | undefined
  /** Returns more metrics for `/metrics`, in Prometheus' text format; what it throws goes to `onError`. @defaultValue none */
  readonly metrics?: (() => string | Promise<string>) | undefined
  /** Returns whether the server is about to stop: `/readyz` then returns 503, and everything else continues. @defaultValue never */
  readonly isRetiring?: (() => boolean) | undefined
  /** Called after every request, with the response in `c.res`. An error that it throws goes to `onError`. @defaultValue nothing */
  readonly onResponse?: ((c: Context) => void) | undefined
  /** Called with every unexpected error; its request receives 500. @defaultValue `console.error` */
  readonly onError?: ((error: unknown, c: Context) => void) | undefined
}

type HealthRoutes = {
  '/healthz': { $get: TextRoute<'ok'> }
  '/readyz': { $get: TextRoute<'ready'> }
}

/** All routes of the app. The declarations of an app that mounts it refer to this type by its name. */
export type AppRoutes<Events extends object = AnyEvents> = SseRoutes &
  PublishRoutes<Events> &
  ClientRoutes &
  StopRoutes &
  MetricsRoutes &
  TicketRoutes &
  OpenApiRoutes &
  HealthRoutes

/** The app with its routes, for a typed client: `hc<AppType>(url)`; of a hub that declares events, `hc<AppType<Events>>(url)`. */
export type AppType<Events extends object = AnyEvents> = Hono<BlankEnv, AppRoutes<Events>>

/**
 * Creates the app. Serve it as it is, or mount it: `app.route('/realtime', createApp({ hub, access }))`.
 * @throws {TypeError} when `access` is missing, an option is unknown or of another kind, `createHub` of this
 * package did not create the hub, or `access` or `limits` belong to another hub
 */
export function createApp<Events extends object = AnyEvents>(
  options: AppOptions<Events>,
): AppType<Events>
export function createApp(options: AppOptions): AppType {
  checkAppOptions(options)
  const { hub, openStream, middleware = [], limits = {}, connectionInfo = nothing } = options
  const access = accessOf(options)
  const { isRetiring, onResponse, maxBatchEvents = 10_000 } = options
  const onError = isolatedReport(options.onError)
  const errors = new Map<number, number>()
  const guard = createGuard({ middleware, errors, onResponse, onError })
  const app = new Hono()
  app.onError((error, c) => problemOf(error, c, onError))
  // Only if this app is served as it is. In another app, unknown paths are that app's own.
  app.notFound(guard((c) => problem(c, 404, NO_SUCH_PATH)) as NotFoundHandler)
  const tickets: Hono<BlankEnv, TicketRoutes> = access ? ticketRoutes(hub, access) : new Hono()
  const describe = (asked: DescriptionInit) =>
    createDocument({
      ...asked,
      routes: app.routes,
      guarded: access !== undefined,
      events: internalsOf(hub).events,
    })
  const routes = new Hono()
    .route(
      '/',
      sseRoutes({ hub, access, openStream, connectionInfo, limit: limits.streams ?? passThrough }),
    )
    .route(
      '/',
      publishRoutes({
        hub,
        access,
        limit: limits.publishing ?? passThrough,
        maxBatchEvents,
        errors,
        onError,
      }),
    )
    .route('/', clientRoutes(hub, access))
    .route('/', stopRoutes(hub, access, limits.publishing ?? passThrough))
    .route('/', metricsRoutes({ hub, access, errors, more: options.metrics, onError }))
    .route('/', tickets)
    .route('/', openApiRoutes(describe))
    .get('/healthz', (c) => c.text('ok', 200))
    .get('/readyz', (c) => {
      if (hub.closing || internalsOf(hub).retiring || isRetiring?.())
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
  const typed: AppType = asRoutes(routes)
  addRoutes(app, typed as unknown as Hono, guard)
  return app as unknown as AppType
}

const KINDS: Kinds<AppOptions> = {
  hub: KIND.any,
  access: KIND.any,
  openStream: KIND.function,
  dashboard: KIND.object,
  clientScript: KIND.object,
  middleware: KIND.functions,
  limits: KIND.object,
  maxBatchEvents: {
    rule: 'must be a whole number from 1',
    accepts: (value) => Number.isInteger(value) && Number(value) > 0,
  },
  connectionInfo: KIND.function,
  metrics: KIND.function,
  isRetiring: KIND.function,
  onResponse: KIND.function,
  onError: KIND.function,
}

const LIMIT_KINDS: Kinds<Limits> = { streams: KIND.function, publishing: KIND.function }

const ACCESS_METHODS: readonly (keyof Access)[] = ['listen', 'publish', 'operate', 'issuer']

const ACCESS_RULE =
  "createApp requires access: createAccess({ hub, keys }), a function that returns what the person who is logged in may do, or 'anyone'."

function checkAppOptions(options: AppOptions): void {
  const problem =
    optionsProblem('createApp', options, KINDS) ??
    optionsProblem('limits of createApp', options.limits ?? {}, LIMIT_KINDS)
  if (problem !== undefined) throw new TypeError(problem)
  const { hub, access, limits } = options
  internalsOf(hub)
  for (const [name, part] of Object.entries({ access, limits })) {
    if (!isOfOtherHub(Object(part), hub)) continue
    throw new TypeError(`The option ${name} of createApp belongs to another hub.`)
  }
}

/** The access control; undefined where every request that arrives may do anything. */
function accessOf({ hub, access }: AppOptions): Access | undefined {
  if (access === 'anyone') return undefined
  if (typeof access === 'function') return createLoginAccess(hub, access)
  if (ACCESS_METHODS.every((name) => typeof Object(access)[name] === 'function')) return access
  throw new TypeError(ACCESS_RULE)
}

const NO_SUCH_PATH = 'No such path: use GET /sse to listen, or POST /broadcast to publish.'

const nothing = () => undefined

/**
 * Adds routes with one guarded handler for each path and method, which costs less than one for each step. Not for all
 * paths: an app that mounts this one at / keeps its own routes to itself.
 */
function addRoutes(app: Hono, { routes }: Hono, guard: Guard): void {
  const paths = new Map<string, Map<string, Handler[]>>()
  for (const { path, method, handler } of routes) {
    const methods = paths.get(path) ?? new Map<string, Handler[]>()
    paths.set(path, methods.set(method, [...(methods.get(method) ?? []), handler]))
  }
  for (const [path, methods] of paths) {
    for (const [method, handlers] of methods) app.on(method, path, guard(...handlers))
  }
  for (const [path, methods] of paths) app.all(path, guard(refuseOthers([...methods.keys()])))
}

/** Returns 405 for a method that a path does not support, and answers OPTIONS with those that it does. */
function refuseOthers(methods: readonly string[]): Handler {
  const known = new Set(['OPTIONS', ...methods, ...(methods.includes('GET') ? ['HEAD'] : [])])
  const allow = [...known].sort().join(', ')
  return (c) => {
    c.header('Allow', allow)
    if (c.req.method === 'OPTIONS') return c.body(null, 204)
    return problem(c, 405, `This path does not support ${c.req.method}: use ${allow}.`)
  }
}
