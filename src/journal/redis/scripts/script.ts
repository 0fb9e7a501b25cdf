/** What every Lua script of the journal starts with. */
import { RESOLVE_EPOCH } from './epoch.ts'
import { EVICTION } from './evict.ts'

/** A script and its name. */
export interface Script {
  readonly name: string
  readonly text: string
}

/**
 * The index of the first argument of a script's own. All scripts start with the same arguments:
 * prefix, server id, a new epoch, the epoch and the newest sequence that this hub has seen, and the
 * four bounds.
 */
export const FIRST = 10

/** A script that starts with what most of them start with. */
export interface JournalScript extends Script {
  /** What follows. */
  readonly body: string
}

/** Creates a script: after what all of them start with, its own text. */
export function script(name: string, body: string): JournalScript {
  return { name, text: RESOLVE_EPOCH + EVICTION + body, body }
}
