/** Presence that outlives its object: which clients are online, and which hooks have not settled. */
import type { OnlineClients, OnlineClientsInit, SharedPresence } from '../../backplane.ts'
import { createOnlineClients } from '../../online-clients.ts'
import type { ObjectStorage } from '../object-storage.ts'
import { openPresenceTable, type StoredClient } from './presence-table.ts'

/** What the presence needs of the journal. */
export interface StoredPresenceInit {
  readonly storage: Pick<ObjectStorage, 'sql'>
  /** Sets the alarm for this time, in milliseconds since 1970, unless it is set for an earlier one. */
  wakeAt(at: number): void
}

/** The clients of the hub of an object. */
export interface StoredClientsInit extends OnlineClientsInit {
  /** Whether another object reports this client now: if it returns, it is reported online again. @defaultValue never */
  isElsewhere?(client: string): boolean
}

/** The presence of one hub. It stores nothing until the hub follows its clients. */
export interface StoredPresence extends SharedPresence {
  follow(init: StoredClientsInit): OnlineClients
  /**
   * Must be called when the alarm fires. Resolves when the object may be evicted from memory: when nobody is online and
   * all hooks have settled, or are unlikely to; when a client has connected, whose stream keeps the object in memory; or
   * after 15 seconds, when the alarm fires again.
   */
  wake(): Promise<void>
  /** Returns those of the clients, at most 1,000, that are online, also if they are away for a moment. */
  onlineAmong(clients: readonly string[]): readonly string[]
}

/** Milliseconds after a restart in which clients may return before the time of grace begins. */
const RETURN_MS = 10_000

/** Milliseconds between two alarms while clients are connected: after a crash, the next one wakes the object. */
const WATCH_MS = 15_000

/**
 * Milliseconds after which an alarm keeps the object in memory if no client is connected: fewer than the platform waits
 * until it evicts an object.
 * @see https://developers.cloudflare.com/durable-objects/concepts/durable-object-lifecycle/
 */
const SOON_MS = 5_000

/** Milliseconds for which the object stays in memory for hooks that do not settle. */
const MAX_SETTLING_MS = 3_600_000

/** Creates the presence of a hub. */
export function createStoredPresence({ storage, wakeAt }: StoredPresenceInit): StoredPresence {
  let wake = async () => {}
  let onlineAmong: StoredPresence['onlineAmong'] = () => []
  return { follow, wake: () => wake(), onlineAmong: (clients) => onlineAmong(clients) }

  function follow(init: StoredClientsInit): OnlineClients {
    const { clock, graceMs, isConnected, isElsewhere = () => false, count, hooks } = init
    const table = openPresenceTable(storage)
    const rows = table.list().map(markStale)
    const known = new Set(rows.flatMap(({ client, isOnline }) => (isOnline ? [client] : [])))
    /** What was not reported before the restart, by client, and has not changed since. */
    const unreported = new Map(rows.flatMap((row) => (row.isReported ? [] : [[row.client, row]])))
    /** Clients that another object may have reported offline since this one has reported them online. */
    const stale = new Set(rows.flatMap((row) => (row.isReported === 'stale' ? [row.client] : [])))
    /** The latest report of each client whose hook has not settled. */
    const pending = new Map<string, object>()
    /** The latest time that was reported: a clock that went back must not make later reports seem older. */
    let lastAt = rows.at(-1)?.at ?? 0
    /** When a client last came, left or was reported, by the monotonic clock. */
    let changedAt = clock.monotonic()
    let stopWaiting = () => {}
    let release = () => {}
    const online = createOnlineClients(
      {
        ...init,
        hooks: {
          onClientOnline: (client, at) => change(client, true, at),
          onClientOffline: (client, at) => change(client, false, at),
          onError: hooks.onError,
        },
      },
      known,
    )
    onlineAmong = table.onlineAmong
    wake = keepAwake
    if (rows.length > 0) resume()
    return { update, close }

    /** Stores that another object reports a client now: after its next restart, this one may do so again. */
    function markStale(row: StoredClient): StoredClient {
      if (!row.isOnline || row.isReported === 'stale' || !isElsewhere(row.client)) return row
      const marked = { ...row, isReported: 'stale' } as const
      attempt(() => table.set(marked))
      return marked
    }

    /** Goes on where the object was before its restart. Who was about to be reported offline may return. */
    function resume(): void {
      clock.soon(() => {
        reportAgain(true)
        watch()
      })
      stopWaiting = clock.every(RETURN_MS, () => {
        stopWaiting()
        reportAgain(false)
        for (const client of known) online.update(client)
        known.clear()
        watch()
      })
    }

    function reportAgain(isOnline: boolean): void {
      for (const row of [...unreported.values()]) {
        if (row.isOnline !== isOnline) continue
        unreported.delete(row.client)
        report(row.client, isOnline, row.at)
      }
    }

    function update(client: string): void {
      changedAt = clock.monotonic()
      const isBack = isConnected(client) && stale.delete(client)
      online.update(client)
      if (isBack) change(client, true, clock.now())
      watch()
    }

    function change(client: string, isOnline: boolean, now: number): void {
      const at = Math.max(lastAt, now)
      lastAt = at
      unreported.delete(client)
      stale.delete(client)
      attempt(() => table.set({ client, isOnline, at, isReported: false }))
      report(client, isOnline, at)
    }

    function report(client: string, isOnline: boolean, at: number): void {
      const own = {}
      changedAt = clock.monotonic()
      pending.set(client, own)
      const { onClientOnline, onClientOffline } = hooks
      const result = isOnline ? onClientOnline(client, at) : onClientOffline(client, at)
      void Promise.resolve(result).then(settled, settled)

      function settled(): void {
        // A later report about this client may have replaced it.
        if (pending.get(client) !== own) return
        pending.delete(client)
        // It also stores what `change` could not.
        attempt(() => {
          if (isOnline) table.set({ client, isOnline, at, isReported: true })
          else table.delete(client)
        })
        if (isIdle()) release()
      }
    }

    /** Sets the alarm while a client is online or a hook has not settled. */
    function watch(): void {
      if (isAnyConnected()) release()
      else if (isIdle()) return
      wakeAt(clock.now() + (isAnyConnected() ? WATCH_MS : SOON_MS))
    }

    async function keepAwake(): Promise<void> {
      if (!isAnyConnected() && (isIdle() || isStuck())) return
      wakeAt(clock.now() + WATCH_MS)
      if (isAnyConnected()) return
      await new Promise<void>((resolve) => {
        const stop = clock.every(WATCH_MS, done)
        release = done

        function done(): void {
          stop()
          resolve()
        }
      })
    }

    function isAnyConnected(): boolean {
      return count().clients > 0
    }

    function isIdle(): boolean {
      return attempt(() => table.isEmpty) ?? false
    }

    /** Whether all that is left are hooks that have not settled for a long time. They are called again after a restart. */
    function isStuck(): boolean {
      return clock.monotonic() - changedAt > RETURN_MS + graceMs + MAX_SETTLING_MS
    }

    /** A failure of the storage must end neither a stream nor a report. */
    function attempt<T>(work: () => T): T | undefined {
      try {
        return work()
      } catch (error) {
        hooks.onError(error, 'journal')
        return undefined
      }
    }

    function close(): void {
      stopWaiting()
      void online.close()
    }
  }
}
