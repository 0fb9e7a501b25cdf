/** The log: one JSON line for each thing that an operator needs to know. */
import {
  configureSync,
  getConsoleSink,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
} from '@logtape/logtape'
import type { Context } from 'hono'
import { routePath } from 'hono/route'
import type { Clock } from '../core/clock.ts'
import type { HubObserver } from '../hub/options.ts'
import type { LogLevel } from './config.ts'

/** Configures the log of the process and returns it. Only the entry of an adapter may call this: the configuration is global. */
export function openLog(level: LogLevel): Logger {
  const formatter = getJsonLinesFormatter({ properties: 'flatten' })
  configureSync({
    reset: true,
    sinks: { console: getConsoleSink({ formatter }) },
    loggers: [
      { category: 'hono-sse', lowestLevel: level, sinks: ['console'] },
      { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['console'] },
    ],
  })
  return getLogger('hono-sse')
}

/** Logs refused streams, failed work and ended streams; a stream that the hub cut off is a warning. */
export function hubLogger(log: Logger, clock: Clock): HubObserver {
  return {
    ended: ({ id, client, openedAt, sentEvents, sentBytes, info }, reason) => {
      const line = {
        connection: id,
        client,
        reason,
        livedSeconds: (clock.monotonic() - openedAt) / 1_000,
        events: sentEvents,
        bytes: sentBytes,
        ...info,
      }
      if (reason === 'slow') log.warn('stream cut off', line)
      else log.debug('stream ended', line)
    },
    refused: (client, reason, info) => log.warn('stream refused', { client, reason, ...info }),
    failed: (error, stage) => log.error('background work failed', { stage, error }),
  }
}

/** Statuses that refuse a request for its credential, its origin or its rate. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 421, 429])

/**
 * Logs refused requests, and at the level `debug` all of them. It logs the route and not the path,
 * which may contain a secret.
 */
export function responseLogger(log: Logger): (c: Context) => void {
  const logsAll = log.isEnabledFor('debug')
  return (c) => {
    const { status } = c.res
    const refused = REFUSED.has(status)
    if (!refused && !logsAll) return
    const { method } = c.req
    const line = { status, method, route: routePath(c, -1), requestId: c.get('requestId') }
    if (refused) log.info('request refused', line)
    else log.debug('request answered', line)
  }
}
