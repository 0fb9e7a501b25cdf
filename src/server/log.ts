/** Logs what an operator needs to know of streams and requests. */
import type { Context } from 'hono'
import { routePath } from 'hono/route'
import { type Clock, systemClock } from '../core/clock.ts'
import type { HubHooks } from '../hub/hooks/hooks.ts'
import type { LogFunction, Logger } from './logger.ts'

/** The maximum number of lines of one kind per second, but at `debug`. Others are only counted: thousands would hide the rest. */
const MAX_PER_SECOND = 20

type Level = 'info' | 'warn' | 'error'

/**
 * A log that writes a line, or counts it if there are too many of its kind: of its message. The count is
 * logged with the next line that is written. Lines at `debug` are all written.
 */
export function limitedLog(log: Logger, clock: Clock): Logger {
  const kinds = new Map<string, { end: number; written: number; suppressed: number }>()
  return { ...log, info: limited('info'), warn: limited('warn'), error: limited('error') }

  function limited(level: Level): LogFunction {
    if (!log.isEnabledFor(level === 'warn' ? 'warning' : level)) return () => {}
    return (message, fields) => {
      const now = clock.monotonic()
      const current = kinds.get(message) ?? { end: 0, written: 0, suppressed: 0 }
      kinds.set(message, current)
      if (now >= current.end) {
        if (current.suppressed > 0)
          log.warn('log lines suppressed', { kind: message, count: current.suppressed })
        Object.assign(current, { end: now + 1_000, written: 0, suppressed: 0 })
      }
      if (current.written < MAX_PER_SECOND) log[level](message, fields)
      else current.suppressed += 1
      current.written += 1
    }
  }
}

/** Logs refused streams, failed work and ended streams; a stream that the hub cut off is a warning. */
export function hubLogger(allLines: Logger, clock: Clock): HubHooks {
  const log = limitedLog(allLines, clock)
  return {
    onDisconnect: ({ id, client, openedAt, sentEvents, sentBytes, info }, reason) => {
      const line = {
        connection: id,
        client,
        reason,
        durationSeconds: (clock.monotonic() - openedAt) / 1_000,
        events: sentEvents,
        bytes: sentBytes,
        ...info,
      }
      if (reason === 'slow') log.warn('stream cut off', line)
      else log.debug('stream ended', line)
    },
    onRefuse: (client, reason, info) => log.warn('stream refused', { client, reason, ...info }),
    onError: (error, stage) => log.error('background work failed', { stage, error }),
  }
}

/** Statuses that refuse a request for its credential, its origin or its rate. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 421, 429])

/**
 * Logs refused requests; at the level `debug`, all requests. It logs the route and not the path,
 * which may contain a secret.
 */
export function responseLogger(allLines: Logger, clock: Clock = systemClock): (c: Context) => void {
  const log = limitedLog(allLines, clock)
  const logsAll = log.isEnabledFor('debug')
  return (c) => {
    const { status } = c.res
    const refused = REFUSED.has(status)
    if (!refused && !logsAll) return
    const { method } = c.req
    const line = { status, method, route: routePath(c, -1) || '/*', requestId: c.get('requestId') }
    if (refused) log.info('request refused', line)
    else log.debug('request handled', line)
  }
}
