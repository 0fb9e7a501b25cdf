/** From configuration to a service: what all doors share. */
import type { Logger } from '@logtape/logtape'
import type { Hono } from 'hono'
import { createApp } from '../http/app.ts'
import type { OpenStream } from '../http/stream.ts'
import { systemClock } from '../hub/clock.ts'
import { createHub } from '../hub/hub.ts'
import { createMemoryJournal } from '../hub/memory.ts'
import type { Config } from './config.ts'
import { observeWith } from './log.ts'

/** The one app, and how it ends. */
export interface Service {
  readonly app: Hono
  /** Drains the hub: resolves when the last stream is over, or when `DRAIN_SECONDS` are up. */
  close(): Promise<void>
}

/** Puts a service together. */
export function compose(config: Config, log: Logger, openStream: OpenStream): Service {
  const clock = systemClock
  const hub = createHub({
    clock,
    journal: createMemoryJournal({
      maxEvents: config.HISTORY_EVENTS,
      maxAgeMs: config.HISTORY_SECONDS * 1_000,
      maxBytes: config.HISTORY_BYTES,
      clock,
    }),
    heartbeatMs: config.HEARTBEAT_SECONDS * 1_000,
    retryMs: config.RETRY_MS,
    maxConnections: config.MAX_CONNECTIONS,
    maxConnectionsPerClient: config.MAX_CONNECTIONS_PER_CLIENT,
    maxQueuedBytes: config.MAX_QUEUED_BYTES,
    maxEventBytes: config.MAX_EVENT_BYTES,
    lifetimeMs: config.LIFETIME_SECONDS * 1_000,
    clockMs: config.CLOCK_SECONDS * 1_000,
    observer: observeWith(log),
  })
  const onError = (error: unknown) => log.error('request failed', { error })
  return {
    app: createApp({ hub, openStream, onError }),
    close: () => hub.close(config.DRAIN_SECONDS * 1_000),
  }
}
