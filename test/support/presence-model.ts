/** What hubs on one Redis have to report about their clients, by a model of a few sets and a clock of its own. */

/** The times that decide, in milliseconds. */
export interface PresenceTimes {
  readonly graceMs: number
  readonly deadAfterMs: number
}

/** The model of one hub. */
interface ModelHub {
  /** What Redis has stored. */
  held: Set<string>
  seenAt: number
  isMember: boolean
}

/** The model of all hubs. */
export interface PresenceModel {
  /** The time of Redis, as the hubs measure it. */
  readonly now: number
  pass(ms: number): void
  /** A hub calls Redis; the reports that this leads to. */
  call(hub: string, connected: ReadonlySet<string>): string[]
}

/** Creates the model. */
export function createPresenceModel({ graceMs, deadAfterMs }: PresenceTimes): PresenceModel {
  const hubs = new Map<string, ModelHub>()
  const online = new Set<string>()
  const dueAt = new Map<string, number>()
  let now = 0
  let last = 0
  let quietUntil = 0
  return {
    get now() {
      return now
    },
    pass: (ms) => {
      now += ms
    },
    call,
  }

  function call(name: string, connected: ReadonlySet<string>): string[] {
    if (now > last + deadAfterMs / 3) {
      now = last
      quietUntil = last + (deadAfterMs * 2) / 3
    }
    last = now
    const hub = hubs.get(name) ?? { held: new Set(), seenAt: now, isMember: true }
    hubs.set(name, hub)
    hub.seenAt = now
    hub.isMember = true
    const reports: string[] = []
    for (const client of connected) {
      hub.held.add(client)
      dueAt.delete(client)
      if (!online.has(client)) reports.push(`${client}+`)
      online.add(client)
    }
    leave(hub, (client) => !connected.has(client))
    if (now < quietUntil) return reports
    for (const other of hubs.values()) {
      if (other.isMember && other.seenAt <= now - deadAfterMs) {
        other.isMember = false
        leave(other, () => true)
      }
    }
    for (const [client, due] of dueAt) {
      if (due > now) continue
      dueAt.delete(client)
      online.delete(client)
      reports.push(`${client}-`)
    }
    return reports
  }

  function leave(hub: ModelHub, hasLeft: (client: string) => boolean): void {
    for (const client of hub.held) {
      if (!hasLeft(client)) continue
      hub.held.delete(client)
      if (![...hubs.values()].some(({ held }) => held.has(client))) {
        dueAt.set(client, now + graceMs)
      }
    }
  }
}
