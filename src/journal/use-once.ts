/** Names that may be used once, such as those of tickets, on all hubs that share a journal. */
import type { Clock } from '../core/clock.ts'
import { createExpiringSet } from '../core/expiring-set.ts'
import type { Backplane } from './backplane.ts'

/** Resolves with true for the first call with this name within `ttlMs` milliseconds. */
export type UseOnce = (name: string, ttlMs: number) => Promise<boolean>

/** Creates the function that uses a name. Without a backplane, this hub alone remembers them. */
export function createUseOnce(clock: Clock, backplane: Backplane | undefined): UseOnce {
  const used = createExpiringSet(clock)
  return async (name, ttlMs) => {
    if (backplane) return await backplane.useOnce(name, ttlMs)
    if (used.has(name)) return false
    used.add(name, ttlMs)
    return true
  }
}
