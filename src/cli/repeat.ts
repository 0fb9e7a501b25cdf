/** Repeats a publish until the hub confirms it: with one idempotency key for all attempts, the event is stored once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CliError, EXIT } from './exit.ts'
import { DEFAULT_TIMEOUT, NOT_SUPPORTED, type PostOptions, post } from './remote.ts'

/** Milliseconds before the second attempt. Each further one waits for twice as long up to the maximum, varied at random by a quarter. */
const FIRST_WAIT_MS = 250
const MAX_WAIT_MS = 4_000

/** Seconds that each attempt may take, unless fewer are left. */
const MIN_SECONDS = 1

/** Seconds that must be left for another attempt: one that is cut short would hide why those before have failed. */
const MIN_LEFT_SECONDS = 0.5

/** The options of a publish that is repeated. */
export interface RepeatOptions extends Omit<PostOptions, 'stores'> {
  /** @defaultValue a random one: a hub that stores no keys then receives the event without one, and once */
  readonly idempotencyKey?: string | undefined
}

/**
 * Posts an event. Repeats it until `timeout`, if the hub was unavailable or the connection was lost after the
 * event was sent. An attempt takes at most half of the time that is left.
 * @throws {CliError} with `unconfirmed` if an attempt may have stored the event, and none was confirmed
 */
export async function postOnce(url: URL, body: object, options: RepeatOptions): Promise<string> {
  const { credential, timeout = DEFAULT_TIMEOUT, idempotencyKey = crypto.randomUUID() } = options
  const end = performance.now() + timeout * 1_000
  const secondsLeft = () => (end - performance.now()) / 1_000
  const canWait = (seconds: number) => seconds + MIN_LEFT_SECONDS <= secondsLeft()
  // In the body, unlike in the header, an older hub refuses it.
  const keyed = { ...body, idempotencyKey }
  let unconfirmed: CliError | undefined
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    const left = Math.max(secondsLeft(), 0)
    const seconds = Math.min(left, Math.max(left / 2, MIN_SECONDS))
    try {
      return await post(url, keyed, { credential, timeout: seconds, stores: true })
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      if (!unconfirmed && options.idempotencyKey === undefined && refusesKeys(error)) {
        const rest = Math.max(secondsLeft(), MIN_SECONDS)
        return await post(url, body, { credential, timeout: rest, stores: true })
      }
      if (error.exitCode === EXIT.unconfirmed) unconfirmed = error
      if (!unconfirmed) throw error
      const wait = Math.max((waitMs * (0.75 + Math.random() / 2)) / 1_000, error.retryAfter)
      // A hub that restarts can't be reached for a while.
      const isTemporary = error === unconfirmed || error.exitCode === EXIT.unavailable
      if (!isTemporary || !canWait(wait)) throw withLast(unconfirmed, error)
      await sleep(wait * 1_000)
      if (!canWait(0)) throw withLast(unconfirmed, error)
    }
  }
}

/** Whether a hub stores no keys, or is of an older version that does not know the field. */
function refusesKeys({ status, message }: CliError): boolean {
  return status === NOT_SUPPORTED || (status === 400 && message.includes('"idempotencyKey"'))
}

function withLast(unconfirmed: CliError, last: CliError): CliError {
  if (last === unconfirmed) return last
  const message = `${unconfirmed.message} The last attempt failed: ${last.message}`
  return new CliError(EXIT.unconfirmed, message, unconfirmed.status)
}
