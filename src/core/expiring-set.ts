/** A set whose members expire: blocked clients, and tickets that were used. */
import type { Clock } from './clock.ts'
import { HubError } from './errors.ts'

/** A bounded set whose members expire. It holds no timer: every lookup compares with the clock. */
export interface ExpiringSet {
  /** Adds a name for `ms` milliseconds. @throws {HubError} `at-capacity`: dropping another name would be worse. */
  add(name: string, ms: number): void
  has(name: string): boolean
}

/** Creates an empty set of at most `max` names. */
export function createExpiringSet(clock: Clock, max = 100_000): ExpiringSet {
  const expiries = new Map<string, number>()
  return { add, has }

  function add(name: string, ms: number): void {
    if (expiries.size >= max) deleteExpired()
    if (expiries.size >= max && !expiries.has(name)) {
      throw new HubError('at-capacity', `The limit of ${max} names is reached. Try again later.`)
    }
    expiries.set(name, clock.monotonic() + ms)
  }

  function has(name: string): boolean {
    const expiry = expiries.get(name)
    if (expiry === undefined) return false
    if (expiry > clock.monotonic()) return true
    expiries.delete(name)
    return false
  }

  function deleteExpired(): void {
    const now = clock.monotonic()
    for (const [name, expiry] of expiries) if (expiry <= now) expiries.delete(name)
  }
}
