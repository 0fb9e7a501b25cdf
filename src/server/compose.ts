/** Assembles the service that the configuration describes, a hub and its app, for every adapter and for tests. */
import type { Context, Hono, MiddlewareHandler } from 'hono'
import { type Clock, systemClock } from '../core/clock.ts'
import type { Compression } from '../core/event-stream.ts'
import { createApp } from '../http/app.ts'
import { type AttemptExchange, shareAttempts } from '../http/auth/attempts.ts'
import { createClientScript } from '../http/client-script.ts'
import { createDashboard } from '../http/dashboard.ts'
import { commonHeaders } from '../http/middleware/common-headers.ts'
import { allowOrigins, onlyLoopback } from '../http/middleware/origins.ts'
import { clientAddress, createLimits } from '../http/middleware/rate-limit.ts'
import { portableStream } from '../http/openers/portable-stream.ts'
import { type ShareMetrics, shareMetrics } from '../http/routes/metrics.ts'
import { createHub } from '../hub/hub.ts'
import type { Hub } from '../hub/hub-types.ts'
import { internalsOf } from '../hub/internals.ts'
import type { HubOptions } from '../hub/options.ts'
import type { Journal } from '../journal/journal.ts'
import { createMemoryJournal } from '../journal/memory/journal.ts'
import { type AccessMode, accessFor } from './access.ts'
import { type Config, hasCredentials } from './config.ts'
import { hubLogger, limitedLog, responseLogger } from './log.ts'
import type { Logger } from './logger.ts'
import type { Tracing } from './process/tracing.ts'
import { openWebhooks, webhookMetrics } from './webhooks/open-webhooks.ts'

/**
 * What a runtime provides to the app. The functions receive the context of a request: whatever the
 * adapter passes to `app.fetch(request, env)` as `env` is their `c.env`.
 */
export interface RuntimeSupport {
  /**
   * The address of the peer, from its socket or from a header that the platform itself sets; never
   * `X-Forwarded-For`, which `TRUST_PROXY` governs. Undefined when the runtime does not report it.
   */
  remoteAddress(c: Context): string | undefined
  /** Whether another process counts this publish against the rate limit. @defaultValue never */
  isCountedElsewhere?(c: Context): boolean
  /** Creates the compression of streams: `createCompression`. @defaultValue the runtime has none */
  compression?(options: { readonly minBytes: number }): Compression
}

/** What a service is composed of. */
export interface ComposeOptions {
  readonly config: Config
  readonly accessMode: AccessMode
  readonly log: Logger
  readonly runtime: RuntimeSupport
  /** Where events are stored. The service closes it. @defaultValue in memory, bounded by the configuration */
  readonly journal?: Journal | undefined
  /** More metrics for `/metrics`, in Prometheus' text format. @defaultValue none */
  readonly metrics?: (() => string) | undefined
  /** @defaultValue no traces are recorded */
  readonly tracing?: Tracing | undefined
  /** How this process acts as one with others. @defaultValue it is the only one, or shares nothing but the journal */
  readonly sharing?: ProcessSharing | undefined
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined
}

/** What processes share that serve the same port, beside the journal. */
export interface ProcessSharing {
  /** Returns what `/metrics` responds with. */
  readonly metrics: ShareMetrics
  readonly attempts: AttemptExchange
}

/** A hub with its app. */
export interface Service {
  readonly hub: Hub
  /** Handles requests: an adapter passes them to `app.fetch`. */
  readonly app: Hono
  /** Makes `/readyz` return 503, so that load balancers use other instances. Everything else continues. */
  retire(): void
  /** Drains the hub. Resolves when the last stream has ended and the last webhook was sent, about `drainMs` milliseconds later at the latest. */
  close(drainMs: number): Promise<void>
}

/** Composes a service. It accepts requests at once and holds no timer until a client connects. */
export function compose(options: ComposeOptions): Service {
  const { config, accessMode, log, runtime, tracing, clock = systemClock } = options
  const { journal = createMemoryJournal({ ...journalBounds(config), clock }) } = options
  const { COMPRESS_MIN_BYTES: minBytes } = config
  const compression = minBytes > 0 ? runtime.compression?.({ minBytes }) : undefined
  const hooks = hubLogger(log, clock)
  const webhooks = openWebhooks(config, log, clock)
  const bare = createHub({
    ...hubBounds(config),
    ...hooks,
    ...webhooks?.hooks,
    journal,
    clock,
    compression,
  })
  const hub = tracing?.traceHub(bare) ?? bare
  if (options.sharing) {
    shareMetrics(hub, options.sharing.metrics)
    shareAttempts(hub, options.sharing.attempts)
  }
  const limited = limitedLog(log, clock)
  const addressOf = (c: Context) => clientAddress(c, config.TRUST_PROXY, runtime.remoteAddress(c))
  const app = createApp({
    hub,
    openStream: config.STREAM === 'portable' ? portableStream() : undefined,
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
    middleware: [
      ...(tracing ? [tracing.traceRequests()] : []),
      ...middlewareFor(accessMode, config),
    ],
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
    maxBatchEvents: config.MAX_BATCH_EVENTS,
    metrics: webhooks
      ? () => (options.metrics?.() ?? '') + webhookMetrics(webhooks)
      : options.metrics,
    onResponse: responseLogger(log, clock),
    onError: (error, c) =>
      limited.error('request failed', { error: describe(error), requestId: c.get('requestId') }),
  })
  return {
    hub,
    app,
    retire: () => internalsOf(hub).retire(),
    close,
  }

  async function close(drainMs: number): Promise<void> {
    const end = clock.monotonic() + drainMs
    await hub.close(drainMs)
    // The last hub has just reported all clients as offline.
    await webhooks?.close(Math.max(LAST_WEBHOOKS_MS, end - clock.monotonic()))
  }
}

/** Milliseconds for which webhooks are sent even if the streams have taken all the time of the drain. */
const LAST_WEBHOOKS_MS = 500

/** The bounds of any journal. */
export function journalBounds(config: Config): {
  readonly maxEvents: number
  readonly maxAgeMs: number
  readonly maxBytes: number
  readonly maxRetainedBytes: number
} {
  const { JOURNAL_EVENTS, JOURNAL_SECONDS, JOURNAL_BYTES, RETAINED_BYTES } = config
  return {
    maxEvents: JOURNAL_EVENTS,
    maxAgeMs: JOURNAL_SECONDS * 1_000,
    maxBytes: JOURNAL_BYTES,
    maxRetainedBytes: RETAINED_BYTES,
  }
}

/** Seconds between two `time` events on a hub that somebody tries: one with a key has work to do. */
const DEMO_SECONDS = 1

/** Milliseconds between two `time` events of the demo clock; 0 for none. */
export function clockPeriodMs(config: Config): number {
  return (config.CLOCK_SECONDS ?? (hasCredentials(config) ? 0 : DEMO_SECONDS)) * 1_000
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
    clockMs: clockPeriodMs(config),
    idempotencyMs: config.IDEMPOTENCY_SECONDS * 1_000,
    offlineGraceMs: config.OFFLINE_GRACE_SECONDS * 1_000,
  }
}

function middlewareFor(accessMode: AccessMode, config: Config): MiddlewareHandler[] {
  const { CORS_ORIGINS, CORS_HEADERS } = config
  return [
    commonHeaders as MiddlewareHandler,
    ...(CORS_ORIGINS.length > 0 ? [allowOrigins(CORS_ORIGINS, CORS_HEADERS)] : []),
    ...(accessMode === 'loopback' ? [onlyLoopback(CORS_ORIGINS)] : []),
  ]
}

/** The maximum number of characters of an address that are stored: a proxy may send anything. */
const MAX_ADDRESS = 64

/** An error for the log, without the queries of URLs, which may contain a ticket. */
function describe(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return text.replace(/\?\S*/g, '?…')
}
