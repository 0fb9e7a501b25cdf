/** The log: one JSON line for each thing that an operator needs to know. */
import {
  configureSync,
  getConsoleSink,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
  type Sink,
} from '@logtape/logtape'
import type { Context } from 'hono'
import { routePath } from 'hono/route'
import { type Clock, systemClock } from '../core/clock.ts'
import type { HubObserver } from '../hub/options.ts'
import type { LogLevel } from './config.ts'
import type { LogQueue } from './log-queue.ts'

const CATEGORY = 'hono-sse'

const formatLine = getJsonLinesFormatter({ properties: 'flatten' })

/**
 * Configures the log of the process and returns it. Only an entry point may call this, because the
 * configuration is global.
 * @param output - where lines go; without it, to the console
 */
export function openLog(level: LogLevel, output?: LogQueue): Logger {
  const sink: Sink = output
    ? (record) => output.push(formatLine(record))
    : getConsoleSink({ formatter: formatLine })
  configureSync({
    reset: true,
    sinks: { sink },
    loggers: [
      { category: CATEGORY, lowestLevel: level, sinks: ['sink'] },
      { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['sink'] },
    ],
  })
  return getLogger(CATEGORY)
}

/** The line that reports how many lines were dropped before it. */
export function droppedLine(count: number, clock: Clock = systemClock): string {
  const text = 'log lines dropped: the log output was too slow, or failed'
  return formatLine({
    category: [CATEGORY],
    level: 'warning',
    message: [text],
    rawMessage: text,
    timestamp: clock.now(),
    properties: { count },
  })
}

/** The maximum number of lines of one kind per second. Others are only counted: thousands would hide the rest. */
const MAX_PER_SECOND = 20

/**
 * Creates a function that writes a line, or counts it if there are too many of its kind. The count is
 * logged with the next line that is written.
 */
function limitedTo(log: Logger, clock: Clock): (kind: string, write: () => void) => void {
  const kinds = new Map<string, { end: number; written: number; suppressed: number }>()
  return (kind, write) => {
    const now = clock.monotonic()
    const current = kinds.get(kind) ?? { end: 0, written: 0, suppressed: 0 }
    kinds.set(kind, current)
    if (now >= current.end) {
      if (current.suppressed > 0)
        log.warn('log lines suppressed', { kind, count: current.suppressed })
      Object.assign(current, { end: now + 1_000, written: 0, suppressed: 0 })
    }
    if (current.written < MAX_PER_SECOND) write()
    else current.suppressed += 1
    current.written += 1
  }
}

/** Logs refused streams, failed work and ended streams; a stream that the hub cut off is a warning. */
export function hubLogger(log: Logger, clock: Clock): HubObserver {
  const limited = limitedTo(log, clock)
  return {
    ended: ({ id, client, openedAt, sentEvents, sentBytes, info }, reason) => {
      const line = {
        connection: id,
        client,
        reason,
        durationSeconds: (clock.monotonic() - openedAt) / 1_000,
        events: sentEvents,
        bytes: sentBytes,
        ...info,
      }
      if (reason === 'slow') limited('stream cut off', () => log.warn('stream cut off', line))
      else log.debug('stream ended', line)
    },
    refused: (client, reason, info) =>
      limited('stream refused', () => log.warn('stream refused', { client, reason, ...info })),
    failed: (error, stage) =>
      limited('background work failed', () =>
        log.error('background work failed', { stage, error }),
      ),
  }
}

/** Statuses that refuse a request for its credential, its origin or its rate. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 421, 429])

/**
 * Logs refused requests; at the level `debug`, all requests. It logs the route and not the path,
 * which may contain a secret.
 */
export function responseLogger(log: Logger, clock: Clock = systemClock): (c: Context) => void {
  const limited = limitedTo(log, clock)
  const logsAll = log.isEnabledFor('debug')
  return (c) => {
    const { status } = c.res
    const refused = REFUSED.has(status)
    if (!refused && !logsAll) return
    const { method } = c.req
    const line = { status, method, route: routePath(c, -1) || '/*', requestId: c.get('requestId') }
    if (refused) limited('request refused', () => log.info('request refused', line))
    else log.debug('request handled', line)
  }
}
