/** What an adapter reports while it listens: one line for each kind of failure a minute, however often it occurs. */
import type { Logger } from '@logtape/logtape'
import { type Clock, systemClock } from '../core/clock.ts'

/** Logs what happened; with an error, what failed although the server continues. */
export type Report = (message: string, error?: unknown) => void

/** What adapters report when a connection can't be accepted. */
export const NOT_ACCEPTED = 'connections could not be accepted'

/** Milliseconds between two lines with the same message about a failure: one failure follows another. */
const PAUSE_MS = 60_000

/** Creates the report of one listener. */
export function createReport(log: Logger, clock: Pick<Clock, 'monotonic'> = systemClock): Report {
  const reportedAt = new Map<string, number>()
  return (message, error) => {
    if (error === undefined) return log.info(message)
    const now = clock.monotonic()
    if (now - (reportedAt.get(message) ?? Number.NEGATIVE_INFINITY) < PAUSE_MS) return
    reportedAt.set(message, now)
    log.error(message, { error })
  }
}
