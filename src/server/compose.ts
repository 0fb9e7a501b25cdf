/** From configuration to a service: what all doors share. */
import type { Logger } from '@logtape/logtape'
import type { Context, Hono } from 'hono'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { systemClock } from '../core/clock.ts'
import { createApp } from '../http/app.ts'
import { createDashboard } from '../http/dashboard.ts'
import { allowOrigins, onlyLoopback } from '../http/middleware/origins.ts'
import { clientAddress, createLimits } from '../http/middleware/rate-limit.ts'
import type { OpenStream } from '../http/stream.ts'
import { createHub } from '../hub/hub.ts'
import type { Journal } from '../journal/journal.ts'
import { createMemoryJournal } from '../journal/memory/journal.ts'
import { type AccessMode, accessFor } from './access.ts'
import type { Config } from './config.ts'
import { hubLogger, responseLogger } from './log.ts'

/** The one app, and how it ends. */
export interface Service {
  readonly app: Hono
  /** Drains the hub: resolves when the last stream is over, or after `drainMs` milliseconds. */
  close(drainMs: number): Promise<void>
}

/**
 * Headers that fit an API and its streams. Transport security is for whoever holds the certificate
 * to decide, and the rest of Hono's defaults speak to browsers that are gone.
 */
const HEADERS = {
  strictTransportSecurity: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
}

/** Characters of an address that are kept: a proxy may write what it likes. */
const MAX_ADDRESS = 64

/** What a runtime brings along. */
export interface RuntimeSupport {
  /** The fastest way to open a stream there. */
  readonly native: OpenStream
  /** Hono's `streamSSE`. */
  readonly portable: OpenStream
  /** The address of the peer, as the socket knows it. */
  remoteAddress(c: Context): string | undefined
  /** Whether a publish counts against its limit elsewhere. @defaultValue none does */
  isCountedElsewhere?(c: Context): boolean
}

/** Puts a service together. @param journal - where events live; by default in memory */
export function compose(
  config: Config,
  stance: AccessMode,
  log: Logger,
  runtime: RuntimeSupport,
  journal: Journal = memoryOf(config),
): Service {
  const clock = systemClock
  const hub = createHub({
    clock,
    journal,
    heartbeatMs: config.HEARTBEAT_SECONDS * 1_000,
    retryMs: config.RETRY_MS,
    maxConnections: config.MAX_CONNECTIONS,
    maxConnectionsPerClient: config.MAX_CONNECTIONS_PER_CLIENT,
    maxQueuedBytes: config.MAX_QUEUED_BYTES,
    maxEventBytes: config.MAX_EVENT_BYTES,
    lifetimeMs: config.LIFETIME_SECONDS * 1_000,
    clockMs: config.CLOCK_SECONDS * 1_000,
    observer: hubLogger(log, clock),
  })
  const { CORS_ORIGINS, TRUST_PROXY, STREAM } = config
  const addressOf = (c: Context) => clientAddress(c, TRUST_PROXY, runtime.remoteAddress(c))
  const app = createApp({
    hub,
    openStream: runtime[STREAM],
    connectionInfo: (c) => ({
      opener: STREAM,
      remoteAddress: addressOf(c)?.slice(0, MAX_ADDRESS),
      requestId: c.get('requestId'),
    }),
    access: accessFor(stance, config, {
      hub,
      clock,
      onError: (error) => log.warn('token keys unavailable', { error: describe(error) }),
    }),
    middleware: [
      requestId(),
      secureHeaders(HEADERS),
      ...(CORS_ORIGINS.length > 0 ? [allowOrigins(CORS_ORIGINS)] : []),
      ...(stance === 'loopback' ? [onlyLoopback(CORS_ORIGINS)] : []),
    ],
    dashboard: config.PAGE === 'on' ? createDashboard() : undefined,
    limits: createLimits({
      hub,
      streamsPerMinute: config.STREAMS_PER_MINUTE,
      publishesPerMinute: config.PUBLISHES_PER_MINUTE,
      clock,
      addressOf,
      ...(runtime.isCountedElsewhere && { isCountedElsewhere: runtime.isCountedElsewhere }),
    }),
    onResponse: responseLogger(log),
    onError: (error, c) =>
      log.error('request failed', { error: describe(error), requestId: c.get('requestId') }),
  })
  return {
    app,
    close: (drainMs) => hub.close(drainMs),
  }
}

/** The bounds of the journal, wherever it is. */
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

function memoryOf(config: Config): Journal {
  return createMemoryJournal({ ...journalBounds(config), clock: systemClock })
}

/** An error for the log, without the queries of URLs in it, which may hold a ticket. */
function describe(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return text.replace(/\?\S*/g, '?…')
}
