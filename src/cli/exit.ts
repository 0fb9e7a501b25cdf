/** How a command ends, so that a script can tell one end from another. */

/** Exit codes, as far as may be those of sysexits(3). */
export const EXIT = {
  /** The hub refused the request as it is; or a server can't have its port. */
  refused: 1,
  /** The command can't be understood, or the configuration not used. */
  usage: 2,
  /** The hub can't be reached, or can't answer now. EX_UNAVAILABLE */
  unavailable: 69,
  /** Without the right to it: 401, 403, or a client that is blocked. EX_NOPERM */
  noRight: 77,
} as const

/** Ends a command with words for people and a code for scripts. */
export class CliError extends Error {
  override readonly name = 'Failure'
  readonly exitCode: number
  /** The status of the hub's answer, if there was one. */
  readonly status: number | undefined

  constructor(exitCode: number, message: string, status?: number) {
    super(message)
    this.exitCode = exitCode
    this.status = status
  }
}
