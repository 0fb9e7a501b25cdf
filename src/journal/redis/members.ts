/** Members: the instances that share the journal, by their last sign of life. */

import type { Script } from './scripts/index.ts'
import { MEMBERS, REMOVE } from './scripts/membership.ts'

/** What the membership needs of the journal. */
export interface MembersInit {
  readonly tag: string
  readonly instance: string
  /** Runs a script on a key of the connection in use. @throws {HubError} `journal-unavailable` */
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>
}

/** How many instances may be alive. */
export interface MemberCount {
  /** Those with a sign of life within the last minute. */
  readonly alive: number
  /** Those with one within the time that was asked for. */
  readonly seen: number
}

/** The membership of one instance. */
export interface Members {
  /** Records a sign of life, and counts the instances that gave one. */
  count(seenMs: number): Promise<MemberCount>
  /** Records that this instance stops. */
  leave(): Promise<void>
  /** Removes a stored request: every instance has it. */
  forget(request: string): void
}

/** Milliseconds for which an instance that gives no sign of life counts: it may be between two connections. */
const ALIVE_MS = 60_000

/** Creates the membership of one instance. */
export function createMembers({ tag, instance, run }: MembersInit): Members {
  const key = `${tag}:members`
  return { count, leave, forget }

  async function count(seenMs: number): Promise<MemberCount> {
    const args = [instance, String(ALIVE_MS), String(Math.ceil(Math.max(seenMs, ALIVE_MS)))]
    const [alive, seen] = (await run(MEMBERS, key, args)) as [number, number]
    return { alive, seen }
  }

  async function leave(): Promise<void> {
    await run(REMOVE, key, [instance]).catch(() => {})
  }

  function forget(request: string): void {
    // If it stays, it is answered again, and expires.
    run(REMOVE, `${tag}:requests`, [request]).catch(() => {})
  }
}
