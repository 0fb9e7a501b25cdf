/** Online clients: calls hooks when a client connects to this hub, and when it has stayed away for a while. */
import type { OnlineClients, OnlineClientsInit } from './backplane.ts'

/** The maximum number of clients that are away. The longest away are offline sooner. */
const MAX_AWAY = 100_000

/**
 * Creates the online clients of a hub whose journal has no shared presence. It holds a timer only after a client has left.
 * @param known - clients that are online already
 */
export function createOnlineClients(
  init: Omit<OnlineClientsInit, 'clients' | 'count'>,
  known: Iterable<string> = [],
): OnlineClients {
  const { clock, graceMs, isConnected, hooks } = init
  const online = new Set(known)
  /** When clients that are away will be offline, by the monotonic clock: the longest away first. */
  const away = new Map<string, number>()
  let stopTimer: (() => void) | undefined
  /** The latest time that was reported: a clock that goes back must not make later reports seem older. */
  let lastAt = 0
  return { update, close }

  function update(client: string): void {
    if (isConnected(client)) {
      away.delete(client)
      if (online.has(client)) return
      online.add(client)
      hooks.onClientOnline(client, now())
    } else if (online.has(client) && !away.has(client)) {
      away.set(client, clock.monotonic() + graceMs)
      expire(Number.NEGATIVE_INFINITY)
      schedule()
    }
  }

  /** Reports the clients whose time has passed, and those beyond the maximum. Stops at the first that is neither. */
  function expire(until: number): void {
    for (const [client, dueAt] of away) {
      if (dueAt > until && away.size <= MAX_AWAY) break
      away.delete(client)
      online.delete(client)
      hooks.onClientOffline(client, now())
    }
  }

  /** Waits for the client that is due first. A timer that finds nobody away does nothing. */
  function schedule(): void {
    if (stopTimer) return
    const [dueAt] = away.values()
    if (dueAt === undefined) return
    stopTimer = clock.every(Math.max(1, dueAt - clock.monotonic()), () => {
      stop()
      expire(clock.monotonic())
      schedule()
    })
  }

  function now(): number {
    lastAt = Math.max(lastAt, clock.now())
    return lastAt
  }

  function stop(): void {
    stopTimer?.()
    stopTimer = undefined
  }

  function close(): void {
    stop()
    away.clear()
    const last = [...online]
    online.clear()
    for (const client of last) hooks.onClientOffline(client, now())
  }
}
