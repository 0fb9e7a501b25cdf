/** Presence that several hubs share in memory: the smallest one that keeps the contract. */
import type { OnlineClientsInit, SharedPresence } from '../../src/journal/backplane.ts'

/** Creates the presence that hubs of one process share. It measures time by their clock. */
export function createSharedPresence(): SharedPresence {
  const hubs = new Set<OnlineClientsInit>()
  const online = new Set<string>()
  /** Clients without a connection, and what ends the wait for them. */
  const away = new Map<string, () => void>()
  return {
    follow: (hub) => {
      hubs.add(hub)
      return { update: (client) => update(hub, client), close: () => close(hub) }
    },
  }

  function update(hub: OnlineClientsInit, client: string): void {
    away.get(client)?.()
    away.delete(client)
    if ([...hubs].some(({ isConnected }) => isConnected(client))) {
      if (online.has(client)) return
      online.add(client)
      hub.hooks.onClientOnline(client, hub.clock.now())
    } else if (online.has(client)) {
      const stop = hub.clock.every(Math.max(1, hub.graceMs), () => goOffline(hub, client))
      away.set(client, stop)
    }
  }

  function goOffline({ hooks, clock }: OnlineClientsInit, client: string): void {
    away.get(client)?.()
    away.delete(client)
    if (online.delete(client)) hooks.onClientOffline(client, clock.now())
  }

  function close(hub: OnlineClientsInit): void {
    const wasOpen = hubs.delete(hub)
    if (wasOpen && hubs.size === 0) for (const client of [...online]) goOffline(hub, client)
  }
}
