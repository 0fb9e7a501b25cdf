/** The log: one JSON line for each thing that an operator would want to know. */
import {
  configureSync,
  getConsoleSink,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
} from '@logtape/logtape'
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

/** Writes down which streams were refused, and which the hub cut off. */
export function observeWith(log: Logger): HubObserver {
  return {
    ended: ({ id, client }, reason) => {
      const line = { connection: id, client, reason }
      if (reason === 'slow') log.warn('stream cut off', line)
      else log.debug('stream ended', line)
    },
    refused: (client, reason) => log.warn('stream refused', { client, reason }),
    failed: (error, stage) => log.error('work failed', { stage, error }),
  }
}
