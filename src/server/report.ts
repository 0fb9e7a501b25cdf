/** What is reported while a server listens: each kind of failure once a minute, however often it occurs. */
import { type Clock, systemClock } from '../core/clock.ts'
import type { Logger } from './logger.ts'

/** Reports what happened; with an error, what failed although the server continues. */
export type Report = (message: string, error?: unknown) => void

/** Milliseconds between two reports with the same message about a failure: one failure follows another. */
const PAUSE_MS = 60_000

/** Creates the report of one listener. */
export function createReport(
  log: Pick<Logger, 'info' | 'error'>,
  clock: Pick<Clock, 'monotonic'> = systemClock,
): Report {
  const reportedAt = new Map<string, number>()
  return (message, error) => {
    if (error === undefined) return log.info(message)
    const now = clock.monotonic()
    if (now - (reportedAt.get(message) ?? Number.NEGATIVE_INFINITY) < PAUSE_MS) return
    reportedAt.set(message, now)
    log.error(message, { error })
  }
}
