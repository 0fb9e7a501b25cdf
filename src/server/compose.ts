/** Assembles the service that the configuration describes, a hub and its app, for every adapter and for tests. */
import type { Logger } from '@logtape/logtape'
import type { Context, Hono, MiddlewareHandler } from 'hono'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { type Clock, systemClock } from '../core/clock.ts'
import { createApp } from '../http/app.ts'
import { createClientScript } from '../http/client-script.ts'
import { createDashboard } from '../http/dashboard.ts'
import { allowOrigins, onlyLoopback } from '../http/middleware/origins.ts'
import { clientAddress, createLimits } from '../http/middleware/rate-limit.ts'
import type { OpenStream } from '../http/stream.ts'
import { createHub, type Hub } from '../hub/hub.ts'
import type { HubOptions } from '../hub/options.ts'
import type { Journal } from '../journal/journal.ts'
import { createMemoryJournal } from '../journal/memory/journal.ts'
import { type AccessMode, accessFor } from './access.ts'
import type { Config } from './config.ts'
import { hubLogger, responseLogger } from './log.ts'

/**
 * What a runtime provides to the app. The functions receive the context of a request: whatever the
 * adapter passes to `app.fetch(request, env)` as `env` is their `c.env`.
 */
export interface RuntimeSupport {
  /** Opens a stream in the fastest way that the runtime offers. Start with `webStream()`. */
  readonly native: OpenStream
  /** Opens a stream with Hono's `streamSSE`: `portableStream()`, for `STREAM=portable`. */
  readonly portable: OpenStream
  /**
   * The address of the peer, from its socket or from a header that the platform itself sets; never
   * `X-Forwarded-For`, which `TRUST_PROXY` governs. Undefined when the runtime does not report it.
   */
  remoteAddress(c: Context): string | undefined
  /** Whether another process counts this publish against the rate limit. @defaultValue never */
  isCountedElsewhere?(c: Context): boolean
}

/** What a service is composed of. */
export interface ComposeOptions {
  readonly config: Config
  readonly accessMode: AccessMode
  readonly log: Logger
  readonly runtime: RuntimeSupport
  /** Where events are stored. The service closes it. @defaultValue in memory, bounded by the configuration */
  readonly journal?: Journal | undefined
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined
}

/** A hub with its app. */
export interface Service {
  readonly hub: Hub
  /** Handles requests: an adapter passes them to `app.fetch`. */
  readonly app: Hono
  /** Makes `/readyz` return 503, so that load balancers use other instances. Everything else continues. */
  retire(): void
  /** Drains the hub. Resolves when the last stream has ended, after `drainMs` milliseconds at the latest. */
  close(drainMs: number): Promise<void>
}

/** Composes a service. It accepts requests at once and holds no timer until a client connects. */
export function compose(options: ComposeOptions): Service {
  const { config, accessMode, log, runtime, clock = systemClock } = options
  const { journal = createMemoryJournal({ ...journalBounds(config), clock }) } = options
  const hub = createHub({ ...hubBounds(config), journal, clock, observer: hubLogger(log, clock) })
  const addressOf = (c: Context) => clientAddress(c, config.TRUST_PROXY, runtime.remoteAddress(c))
  let retiring = false
  const app = createApp({
    hub,
    isRetiring: () => retiring,
    openStream: runtime[config.STREAM],
    connectionInfo: (c) => ({
      opener: config.STREAM,
      remoteAddress: addressOf(c)?.slice(0, MAX_ADDRESS),
      requestId: c.get('requestId'),
    }),
    access: accessFor(accessMode, config, {
      hub,
      clock,
      addressOf,
      onError: (error) =>
        log.warn('the keys at JWKS_URL can’t be fetched: check the token issuer', {
          error: describe(error),
        }),
    }),
    middleware: middlewareFor(accessMode, config),
    clientScript: createClientScript(),
    dashboard: config.PAGE === 'on' ? createDashboard() : undefined,
    limits: createLimits({
      hub,
      streamsPerMinute: config.STREAMS_PER_MINUTE,
      publishesPerMinute: config.PUBLISHES_PER_MINUTE,
      clock,
      addressOf,
      isCountedElsewhere: runtime.isCountedElsewhere,
    }),
    onResponse: responseLogger(log, clock),
    onError: (error, c) =>
      log.error('request failed', { error: describe(error), requestId: c.get('requestId') }),
  })
  return {
    hub,
    app,
    retire: () => {
      retiring = true
    },
    close: (drainMs) => hub.close(drainMs),
  }
}

/** The bounds of any journal. */
export function journalBounds(config: Config): {
  readonly maxEvents: number
  readonly maxAgeMs: number
  readonly maxBytes: number
} {
  const { JOURNAL_EVENTS, JOURNAL_SECONDS, JOURNAL_BYTES } = config
  return {
    maxEvents: JOURNAL_EVENTS,
    maxAgeMs: JOURNAL_SECONDS * 1_000,
    maxBytes: JOURNAL_BYTES,
  }
}

function hubBounds(config: Config): HubOptions {
  return {
    heartbeatMs: config.HEARTBEAT_SECONDS * 1_000,
    retryMs: config.RETRY_MS,
    maxConnections: config.MAX_CONNECTIONS,
    maxConnectionsPerClient: config.MAX_CONNECTIONS_PER_CLIENT,
    clientOverflow: config.CLIENT_OVERFLOW,
    maxQueuedBytes: config.MAX_QUEUED_BYTES,
    maxEventBytes: config.MAX_EVENT_BYTES,
    lifetimeMs: config.LIFETIME_SECONDS * 1_000,
    clockMs: config.CLOCK_SECONDS * 1_000,
  }
}

function middlewareFor(accessMode: AccessMode, config: Config): MiddlewareHandler[] {
  const { CORS_ORIGINS, CORS_HEADERS } = config
  return [
    requestId(),
    secureHeaders(HEADERS),
    ...(CORS_ORIGINS.length > 0 ? [allowOrigins(CORS_ORIGINS, CORS_HEADERS)] : []),
    ...(accessMode === 'loopback' ? [onlyLoopback(CORS_ORIGINS)] : []),
  ]
}

/**
 * Omits headers that do not fit an API with streams. HSTS is up to the server that terminates TLS; the
 * other defaults of Hono are for browsers that no longer exist.
 */
const HEADERS = {
  strictTransportSecurity: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
}

/** The maximum number of characters of an address that are stored: a proxy may send anything. */
const MAX_ADDRESS = 64

/** An error for the log, without the queries of URLs, which may contain a ticket. */
function describe(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return text.replace(/\?\S*/g, '?…')
}
