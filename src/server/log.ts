/** The log: one JSON line for each thing that an operator would want to know. */
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

/** Sets the process's log up, and returns it. Only a door may call it: it is the process's own. */
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

/** Writes down which streams were refused, and how streams ended: as a warning where the hub cut one off. */
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
    refused: (client, reason, trace) => log.warn('stream refused', { client, reason, ...trace }),
    failed: (error, stage) => log.error('work failed', { stage, error }),
  }
}

/** Statuses that say: not you, not from there, or not so often. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 421, 429])

/**
 * Writes down which requests were refused, and at the level `debug` all: by their route, because
 * somebody may have put a secret into the path.
 */
export function responseLogger(log: Logger): (c: Context) => void {
  const tellsAll = log.isEnabledFor('debug')
  return (c) => {
    const { status } = c.res
    const refused = REFUSED.has(status)
    if (!refused && !tellsAll) return
    const { method } = c.req
    const line = { status, method, route: routePath(c, -1), requestId: c.get('requestId') }
    if (refused) log.info('request refused', line)
    else log.debug('request answered', line)
  }
}
