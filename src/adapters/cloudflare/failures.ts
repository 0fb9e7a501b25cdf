/** Failures of calls to objects: which will pass, and which leave open what was done. */
import { LateError } from './deadline.ts'
import { isResharding } from './resharding.ts'

/**
 * Whether an error will pass: an object moves, restarts, or is overloaded.
 * @see https://developers.cloudflare.com/durable-objects/best-practices/error-handling/
 */
export function willPass(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { retryable, overloaded } = error as Error & Record<string, unknown>
  return [retryable, overloaded].includes(true) || isResharding(error) || mayHaveRun(error)
}

/** Whether an object may have done what an error leaves open. */
export function mayHaveRun(error: unknown): boolean {
  // A request that an object was handling when it was reset fails with `durableObjectReset` alone.
  const { retryable, durableObjectReset } = error as Record<string, unknown>
  return error instanceof LateError || (durableObjectReset === true && retryable !== true)
}
