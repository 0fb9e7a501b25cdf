/** Exit codes, and the error that ends a command with one of them. */

/** Exit codes, following sysexits(3) where it has one. */
export const EXIT = {
  /** The hub refused the request; or a server can't listen on its port. */
  refused: 1,
  /** The command line or the configuration is invalid. */
  usage: 2,
  /** The hub can't be reached, or is temporarily unavailable. EX_UNAVAILABLE */
  unavailable: 69,
  /** The output can't be written. EX_IOERR */
  unwritable: 74,
  /** The event may have been stored, although the hub did not confirm it. EX_TEMPFAIL */
  unconfirmed: 75,
  /** The credential lacks the permission (401, 403), or the client is blocked. EX_NOPERM */
  forbidden: 77,
} as const

/** Ends a command with a message for people and an exit code for scripts. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number
  /** The HTTP status of the hub's response, if there was one. */
  readonly status: number | undefined
  /** The seconds of its `Retry-After`; 0 without one. */
  readonly retryAfter: number
  /** The `code` of its problem, if it has one. */
  readonly code: unknown

  constructor(exitCode: number, message: string, status?: number, retryAfter = 0, code?: unknown) {
    super(message)
    this.exitCode = exitCode
    this.status = status
    this.retryAfter = retryAfter
    this.code = code
  }
}
