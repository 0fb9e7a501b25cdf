/** Failures of calls to Durable Objects: which are temporary, and which leave the outcome unknown. */
import { LateError } from './deadline.ts'
import { isResharding } from './resharding.ts'

/**
 * Whether an error is temporary: an object moves, restarts, or is overloaded.
 * @see https://developers.cloudflare.com/durable-objects/best-practices/error-handling/
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { retryable, overloaded } = error as Error & Record<string, unknown>
  return [retryable, overloaded].includes(true) || isResharding(error) || mayHaveRun(error)
}

/** Whether the object may have handled the request in spite of the error. */
export function mayHaveRun(error: unknown): boolean {
  // A request that an object was handling when it was reset fails with `durableObjectReset` alone.
  const { retryable, durableObjectReset } = error as Record<string, unknown>
  return error instanceof LateError || (durableObjectReset === true && retryable !== true)
}

/**
 * Whether the object has no such method, or none at all: a deployment of a newer version reaches Workers
 * and objects at different times. workerd has no code for these errors.
 * @see https://developers.cloudflare.com/workers/runtime-apis/rpc/
 */
export function lacksCalls(error: unknown): boolean {
  if (!(error instanceof TypeError)) return false
  return /does not (implement the method|support RPC)/.test(error.message)
}

/** Whether a shard refused a request that every other shard would also refuse. */
export function isRefusal({ status }: Response): boolean {
  return status >= 400 && status < 500
}
