/** The results of events that were appended once, by name, until they expire. */
import type { Clock } from '../../core/clock.ts'
import { conflict, MAX_NAMES, type Once, tooManyNames } from '../once.ts'

/** Expired names that a call removes at most, so that none takes long; each call adds one at most. */
const MAX_REMOVED = 100

/** A bounded map of results. It holds no timer: every call compares with the clock. */
export interface OnceResults {
  /** The number of names, with those that have expired and are not removed yet. */
  readonly size: number
  /**
   * Returns the result of an earlier call with this name; undefined if there is none, and room for one.
   * @throws {HubError} `idempotency-conflict` if that call appended another event; `at-capacity` if too many names are stored
   */
  find(once: Once): OnceResult | undefined
  /** Stores the result of a name that was not found, and returns it. */
  add(once: Once, sequence: number): OnceResult
  clear(): void
}

/** What the result of an event is made of. */
export interface OnceResult {
  readonly sequence: number
  readonly connections: number
}

interface StoredResult extends OnceResult {
  readonly name: string
  readonly digest: string
  readonly expiry: number
  /** The one that was added next. */
  newer: StoredResult | undefined
}

/** Creates an empty map. @param max - the maximum number of names */
export function createOnceResults(
  clock: Pick<Clock, 'monotonic'>,
  max: number = MAX_NAMES,
): OnceResults {
  const stored = new Map<string, StoredResult>()
  /** With one time to live, those that were added first are also the first to expire. */
  let oldest: StoredResult | undefined
  let newest: StoredResult | undefined
  return {
    get size() {
      return stored.size
    },
    find,
    add,
    clear,
  }

  function find({ name, digest }: Once): OnceResult | undefined {
    const now = clock.monotonic()
    for (let n = 0; oldest && oldest.expiry <= now; n += 1) {
      if (n >= MAX_REMOVED && stored.size < max) break
      remove(oldest)
      oldest = oldest.newer
    }
    const found = stored.get(name)
    if (found && found.expiry > now) {
      if (found.digest !== digest) throw conflict()
      return found
    }
    if (found) remove(found)
    if (stored.size >= max) throw tooManyNames(max)
    return undefined
  }

  function add({ name, digest, ttlMs, connections }: Once, sequence: number): OnceResult {
    const expiry = clock.monotonic() + ttlMs
    const next = { name, digest, expiry, sequence, connections, newer: undefined }
    stored.set(name, next)
    if (oldest && newest) newest.newer = next
    else oldest = next
    newest = next
    return next
  }

  function remove(one: StoredResult): void {
    // One with a shorter time may have been removed and added again.
    if (stored.get(one.name) === one) stored.delete(one.name)
  }

  function clear(): void {
    stored.clear()
    oldest = undefined
  }
}
