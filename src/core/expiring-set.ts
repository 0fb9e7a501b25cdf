/** Names that count for a while: clients that are blocked, tickets that are used. */
import type { Clock } from './clock.ts'
import { HubError } from './errors.ts'

/** A bounded set whose members leave by themselves. It holds no timer: they are looked up against the clock. */
export interface ExpiringSet {
  /** Adds a name for `ms` milliseconds. @throws {HubError} `at-capacity`: forgetting one would be worse. */
  add(name: string, ms: number): void
  has(name: string): boolean
}

/** Makes an empty set of at most `max` names. */
export function createExpiringSet(clock: Clock, max = 100_000): ExpiringSet {
  const ends = new Map<string, number>()
  return { add, has }

  function add(name: string, ms: number): void {
    if (ends.size >= max) forgetEnded()
    if (ends.size >= max && !ends.has(name)) {
      throw new HubError('at-capacity', `${max} names are remembered for now: no more can be.`)
    }
    ends.set(name, clock.monotonic() + ms)
  }

  function has(name: string): boolean {
    const end = ends.get(name)
    if (end === undefined) return false
    if (end > clock.monotonic()) return true
    ends.delete(name)
    return false
  }

  function forgetEnded(): void {
    const now = clock.monotonic()
    for (const [name, end] of ends) if (end <= now) ends.delete(name)
  }
}
