/** What a hub does by the clock: heartbeats, ends of lives, and the demo clock. */
import { EVERYONE } from '../core/address.ts'
import { type Clock, isoTime } from '../core/clock.ts'
import { type ByeReason, beatFrame } from '../core/control-events.ts'
import { positionAt } from '../core/cursor.ts'
import { encodeFrame } from '../core/event.ts'
import type { Delivery } from '../journal/journal.ts'
import type { Closing } from './closing.ts'
import type { Connection } from './connection.ts'
import type { Deliveries } from './delivery.ts'
import type { HubSettings } from './options.ts'
import type { Registry } from './registry.ts'

/** Whom the caretaker looks after, and with what. */
export interface MaintenanceInit {
  readonly settings: HubSettings
  readonly registry: Registry
  readonly courier: Deliveries
  readonly exits: Closing
  deliver(delivery: Delivery): void
  dismiss(connection: Connection, reason: ByeReason): void
}

/** The longest time between two rounds, in milliseconds. */
const SWEEP_MS = 1_000

/** Makes the ticker of a hub: one timer for all connections, and one for the demo clock if there is one. */
export function createMaintenance(init: MaintenanceInit): Timers {
  const { settings, registry, courier, exits, deliver, dismiss } = init
  const { clock, journal, heartbeatMs, clockMs } = settings
  return createTimers(clock, [
    { everyMs: Math.min(SWEEP_MS, heartbeatMs / 4), run: sweep },
    { everyMs: clockMs, run: publishTime },
  ])

  function sweep(): void {
    const now = clock.now()
    const head = journal.head()
    const beat = beatFrame(heartbeatMs, head.id)
    const still = beatFrame(heartbeatMs)
    for (const connection of registry.at(EVERYONE)) {
      const reason = reasonToEnd(connection, now)
      if (reason) dismiss(connection, reason)
      else if (now - connection.movedAt >= heartbeatMs) {
        if (courier.isLive(connection)) {
          connection.movedAt = now
          // Who read ahead of what was delivered here must not be sent back.
          const { position } = connection
          const ahead = position > head.sequence && positionAt(head, position).id
          courier.send(connection, ahead ? beatFrame(heartbeatMs, ahead) : beat)
        } else if (courier.isReading(connection)) {
          connection.movedAt = now
          courier.send(connection, still)
        }
      }
    }
    exits.abortOverdue()
  }

  function reasonToEnd(connection: Connection, now: number): ByeReason | undefined {
    const { stalledSince = now, expiresAt = Number.POSITIVE_INFINITY, endsAt } = connection
    if (now - stalledSince >= 2 * heartbeatMs) return 'slow'
    if (now >= expiresAt) return 'expired'
    return now >= endsAt ? 'lifetime' : undefined
  }

  /** Each instance tells the time to its own connections, so that it is told once however many there are. */
  function publishTime(): void {
    const frame = encodeFrame({ event: 'time', data: isoTime(clock.now()) })
    deliver({ key: EVERYONE, frame })
  }
}

/** A task and its period in milliseconds; a period of 0 means never. */
export interface Task {
  readonly everyMs: number
  run(): void
}

/** Starts and stops all chores together. */
export interface Timers {
  start(): void
  stop(): void
}

/** Makes a ticker that stands still: an idle hub holds no timer, so that a Durable Object may sleep. */
export function createTimers(clock: Clock, chores: readonly Task[]): Timers {
  let stops: (() => void)[] | undefined
  return { start, stop }

  function start(): void {
    stops ??= chores
      .filter(({ everyMs }) => everyMs > 0)
      .map(({ everyMs, run }) => clock.every(everyMs, run))
  }

  function stop(): void {
    for (const cancel of stops ?? []) cancel()
    stops = undefined
  }
}
