/** What a hub does by the clock: heartbeats, ends of lives, and the demo clock. */
import { EVERYONE } from '../core/address.ts'
import { type Clock, isoTime } from '../core/clock.ts'
import { type ByeReason, beatFrame } from '../core/control-events.ts'
import { placeAt } from '../core/cursor.ts'
import { encodeFrame } from '../core/event.ts'
import type { Delivery } from '../journal/journal.ts'
import type { Exits } from './closing.ts'
import type { Connection } from './connection.ts'
import type { Courier } from './delivery.ts'
import type { HubSettings } from './options.ts'
import type { Registry } from './registry.ts'

/** Whom the caretaker looks after, and with what. */
export interface CaretakerInit {
  readonly settings: HubSettings
  readonly registry: Registry
  readonly courier: Courier
  readonly exits: Exits
  deliver(delivery: Delivery): void
  dismiss(connection: Connection, reason: ByeReason): void
}

/** The longest time between two rounds, in milliseconds. */
const ROUND_MS = 1_000

/** Makes the ticker of a hub: one timer for all connections, and one for the demo clock if there is one. */
export function createCaretaker(init: CaretakerInit): Ticker {
  const { settings, registry, courier, exits, deliver, dismiss } = init
  const { clock, journal, heartbeatMs, clockMs } = settings
  return createTicker(clock, [
    { everyMs: Math.min(ROUND_MS, heartbeatMs / 4), run: makeRound },
    { everyMs: clockMs, run: tellTime },
  ])

  function makeRound(): void {
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
          const ahead = position > head.sequence && placeAt(head, position).id
          courier.offer(connection, ahead ? beatFrame(heartbeatMs, ahead) : beat)
        } else if (courier.isReading(connection)) {
          connection.movedAt = now
          courier.offer(connection, still)
        }
      }
    }
    exits.cutLate()
  }

  function reasonToEnd(connection: Connection, now: number): ByeReason | undefined {
    const { stalledSince = now, expiresAt = Number.POSITIVE_INFINITY, endsAt } = connection
    if (now - stalledSince >= 2 * heartbeatMs) return 'slow'
    if (now >= expiresAt) return 'expired'
    return now >= endsAt ? 'lifetime' : undefined
  }

  /** Each instance tells the time to its own connections, so that it is told once however many there are. */
  function tellTime(): void {
    const frame = encodeFrame({ event: 'time', data: isoTime(clock.now()) })
    deliver({ key: EVERYONE, frame })
  }
}

/** A task and its period in milliseconds; a period of 0 means never. */
export interface Chore {
  readonly everyMs: number
  run(): void
}

/** Starts and stops all chores together. */
export interface Ticker {
  start(): void
  stop(): void
}

/** Makes a ticker that stands still: an idle hub holds no timer, so that a Durable Object may sleep. */
export function createTicker(clock: Clock, chores: readonly Chore[]): Ticker {
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
