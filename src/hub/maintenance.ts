/** Maintenance: the periodic tasks of a hub, which run while clients are connected. */
import { EVERYONE } from '../core/address.ts'
import { type Clock, isoTime } from '../core/clock.ts'
import { type ByeReason, beatFrame } from '../core/control-events.ts'
import { encodeFrame } from '../core/event.ts'
import type { Closing } from './closing.ts'
import type { HubConnection } from './connections/connection.ts'
import type { Registry } from './connections/registry.ts'
import { currentPosition, type Delivery } from './delivery.ts'
import { attempt } from './hooks/attempt.ts'
import type { HubSettings } from './options.ts'

/** What maintenance needs of the hub. */
export interface MaintenanceInit {
  readonly settings: HubSettings
  readonly registry: Registry
  readonly delivery: Delivery
  readonly closing: Closing
}

/** Starts and stops all periodic tasks of a hub together. */
export interface Timers {
  start(): void
  stop(): void
}

/** The longest time between two sweeps, in milliseconds. */
const SWEEP_MS = 1_000

/** Creates the timers of a hub: one for all connections, and one for the demo clock if there is one. */
export function createMaintenance(init: MaintenanceInit): Timers {
  const { settings, registry, delivery, closing } = init
  const { clock, journal, heartbeatMs, clockMs, hooks } = settings
  const sweepMs = Math.min(SWEEP_MS, heartbeatMs / 4)
  let sweptAt = 0
  /** Milliseconds that the process was awake: a reader can’t read while the process is stopped or the machine sleeps. */
  let awakeMs = 0
  return createTimers(clock, [
    { everyMs: sweepMs, run: sweep },
    { everyMs: clockMs, run: publishTime },
  ])

  /** Ends streams that are slow, expired or at the end of their lifetime. Sends the others a heartbeat when it is due, however busy they are. */
  function sweep(): void {
    const now = clock.monotonic()
    const wallTime = clock.now()
    awakeMs += Math.min(now - sweptAt, 2 * sweepMs)
    sweptAt = now
    const head = attempt(hooks, () => journal.head())
    const plainBeat = beatFrame(heartbeatMs)
    const headBeat = head ? beatFrame(heartbeatMs, head.id) : plainBeat
    for (const connection of registry.at(EVERYONE)) {
      const reason = reasonToEnd(connection, now, wallTime)
      if (reason) closing.dismiss(connection, reason)
      else if (connection.phase !== 'opening' && now - connection.beatAt >= heartbeatMs) {
        connection.beatAt = now
        delivery.send(connection, beatFor(connection))
      }
    }
    closing.abortOverdue(awakeMs)

    function beatFor(connection: HubConnection): Uint8Array {
      // A heartbeat with an id would move the cursor past events that the replay has not sent yet.
      if (!head || connection.phase === 'catching-up') return plainBeat
      // The cursor of a client that read ahead of the deliveries must not move backwards.
      const position = currentPosition(connection, head)
      return position === head ? headBeat : beatFrame(heartbeatMs, position.id)
    }
  }

  function reasonToEnd(
    connection: HubConnection,
    now: number,
    wallTime: number,
  ): ByeReason | undefined {
    const { expiresAt = Number.POSITIVE_INFINITY, endsAt } = connection
    if (connection.stalledMs(awakeMs) >= 2 * heartbeatMs) return 'slow'
    if (wallTime >= expiresAt) return 'expired'
    return now >= endsAt ? 'lifetime' : undefined
  }

  /** Sends the time to the connections of this hub only, so that each receives it once even with several hubs. */
  function publishTime(): void {
    const frame = encodeFrame({ event: 'time', data: isoTime(clock.now()) })
    delivery.deliver({ keys: EVERYONE, frame })
  }
}

/** A task and its period in milliseconds; a period of 0 means never. */
export interface Task {
  readonly everyMs: number
  run(): void
}

/** Creates timers, which are not started. An idle hub holds no timer, so that a Durable Object can be evicted from memory. */
export function createTimers(clock: Clock, tasks: readonly Task[]): Timers {
  let stops: (() => void)[] | undefined
  return { start, stop }

  function start(): void {
    stops ??= tasks
      .filter(({ everyMs }) => everyMs > 0)
      .map(({ everyMs, run }) => clock.every(everyMs, run))
  }

  function stop(): void {
    for (const cancel of stops ?? []) cancel()
    stops = undefined
  }
}
