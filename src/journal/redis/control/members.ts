/** Members: the instances that share the journal, and when each was last seen. */

import { MEMBERS, REMOVE } from '../scripts/membership.ts'
import type { Script } from '../scripts/script.ts'

/** What the membership needs of the journal. */
export interface MembersInit {
  readonly tag: string
  readonly instance: string
  /** Runs a script on a key of the connection in use. @throws {HubError} `journal-unavailable` */
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>
}

/** How many instances may be alive. */
export interface MemberCount {
  /** Instances seen within the last minute. */
  readonly alive: number
  /** Instances seen within the requested time. */
  readonly seen: number
}

/** The membership of one instance. */
export interface Members {
  /** Instances that were seen within the last minute, when they were last counted. */
  readonly alive: number
  /** Records that this instance is alive and counts the instances seen recently. */
  count(seenMs: number): Promise<MemberCount>
  /** Removes this instance, which stops. */
  leave(): Promise<void>
  /** Removes a stored request that every instance has received. */
  forget(request: string): void
}

/** Milliseconds for which an instance counts as alive after it was seen: it may be reconnecting. */
const ALIVE_MS = 60_000

/** Creates the membership of one instance. */
export function createMembers({ tag, instance, run }: MembersInit): Members {
  const key = `${tag}:members`
  let lastAlive = 1
  return {
    get alive() {
      return lastAlive
    },
    count,
    leave,
    forget,
  }

  async function count(seenMs: number): Promise<MemberCount> {
    const args = [instance, String(ALIVE_MS), String(Math.ceil(Math.max(seenMs, ALIVE_MS)))]
    const [alive, seen] = (await run(MEMBERS, key, args)) as [number, number]
    lastAlive = alive
    return { alive, seen }
  }

  async function leave(): Promise<void> {
    await run(REMOVE, key, [instance]).catch(() => {})
  }

  function forget(request: string): void {
    // If this fails, hubs that connect later respond to the request again until it expires.
    run(REMOVE, `${tag}:requests`, [request]).catch(() => {})
  }
}
