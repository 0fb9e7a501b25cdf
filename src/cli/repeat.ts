/** Repeats a publish until the hub confirms it: with one idempotency key for all attempts, the event is stored once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CliError, EXIT } from './exit.ts'
import { DEFAULT_TIMEOUT, type PostOptions, post } from './remote.ts'

const MAX_ATTEMPTS = 5

/** Milliseconds before the second attempt. Each further one waits for twice as long, varied at random by a quarter. */
const FIRST_WAIT_MS = 250

/** The status of a hub that stores no idempotency keys. */
const NOT_SUPPORTED = 501

/** The options of a publish that is repeated. */
export interface RepeatOptions extends Omit<PostOptions, 'stores'> {
  readonly idempotencyKey: string
}

/**
 * Posts an event. Repeats it, for as long as the hub may take to respond, if the hub was unavailable or the
 * connection was lost after the event was sent.
 * @throws {CliError} with `unconfirmed` if no attempt was confirmed
 */
export async function postOnce(url: URL, body: unknown, options: RepeatOptions): Promise<string> {
  const { timeout = DEFAULT_TIMEOUT } = options
  const end = performance.now() + timeout * 1_000
  let unconfirmed: CliError | undefined
  for (let attempt = 1, seconds = timeout; ; attempt += 1) {
    try {
      return await post(url, body, { ...options, timeout: seconds, stores: true })
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      if (error.status === NOT_SUPPORTED && !unconfirmed) {
        return await post(url, body, { ...options, idempotencyKey: undefined, stores: true })
      }
      if (error.exitCode === EXIT.unconfirmed) unconfirmed = error
      // A hub that restarts can't be reached for a while.
      else if (!unconfirmed || error.exitCode !== EXIT.unavailable) throw error
    }
    const waitMs = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)
    seconds = Math.ceil((end - performance.now() - waitMs) / 1_000)
    if (attempt === MAX_ATTEMPTS || seconds <= 0) throw unconfirmed
    await sleep(waitMs)
  }
}
