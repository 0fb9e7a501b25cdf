/** Clients that must stay away for a while. */
import type { Clock } from './clock.ts'
import { HubError } from './errors.ts'

/** Blocks by client id, each with its end. */
export interface Blocklist {
  /** @throws {HubError} `at-capacity` when too many are blocked: forgetting one would let it in. */
  block(client: string, ms: number): void
  has(client: string): boolean
}

const MAX_BLOCKED = 100_000

/** Makes an empty list, which holds no timer: a block is looked up against the clock. */
export function createBlocklist(clock: Clock): Blocklist {
  const ends = new Map<string, number>()
  return { block, has }

  function block(client: string, ms: number): void {
    if (ends.size >= MAX_BLOCKED) forgetEnded()
    if (ends.size >= MAX_BLOCKED && !ends.has(client)) {
      throw new HubError('at-capacity', `${MAX_BLOCKED} clients are blocked: no more can be.`)
    }
    ends.set(client, clock.now() + ms)
  }

  function has(client: string): boolean {
    const end = ends.get(client)
    if (end === undefined) return false
    if (end > clock.now()) return true
    ends.delete(client)
    return false
  }

  function forgetEnded(): void {
    const now = clock.now()
    for (const [client, end] of ends) if (end <= now) ends.delete(client)
  }
}
