/** A log that only collects errors, for tests that compose a service. */
import type { Logger } from '../../src/server/logger.ts'

/** Creates a log that puts what a line of the level `error` reports into `errors`. */
export function errorLog(errors: unknown[]): Logger {
  const ignore = () => {}
  const log = {
    isEnabledFor: () => false,
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (_: string, { error }: { readonly error: unknown }) => void errors.push(error),
  }
  return log as unknown as Logger
}
