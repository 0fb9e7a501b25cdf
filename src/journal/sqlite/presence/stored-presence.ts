/** Stored presence: which clients are online, and which hooks have not settled, outlives the object. */
import type { OnlineClients, OnlineClientsInit, SharedPresence } from '../../backplane.ts'
import { createOnlineClients } from '../../online-clients.ts'
import type { ObjectStorage } from '../object-storage.ts'
import { openPresenceTable } from './presence-table.ts'

/** What the presence needs of the journal. */
export interface StoredPresenceInit {
  readonly storage: Pick<ObjectStorage, 'sql'>
  /** Sets the alarm for this time, in milliseconds since 1970, unless it is set for an earlier one. */
  wakeAt(at: number): void
}

/** The presence of one hub. It stores nothing until the hub follows its clients. */
export interface StoredPresence extends SharedPresence {
  /**
   * Must be called when the alarm fires. Resolves when the object may be evicted from memory: when nobody is online and
   * all hooks have settled, when a client has connected, whose stream keeps the object in memory, or after a minute, when
   * the alarm fires again.
   */
  wake(): Promise<void>
  /** Returns those of the clients that are online, also if they are away for a moment. */
  onlineAmong(clients: readonly string[]): readonly string[]
}

/** Milliseconds after a restart in which clients may return before the time of grace begins. */
const RETURN_MS = 10_000

/** Milliseconds between two alarms while clients are connected: after a crash, the next one wakes the object. */
const WATCH_MS = 60_000

/**
 * Milliseconds after which an alarm keeps the object in memory if no client is connected: fewer than the platform waits
 * until it evicts an object.
 * @see https://developers.cloudflare.com/durable-objects/concepts/durable-object-lifecycle/
 */
const SOON_MS = 5_000

/** Creates the presence of a hub. */
export function createStoredPresence({ storage, wakeAt }: StoredPresenceInit): StoredPresence {
  let wake = async () => {}
  let onlineAmong: StoredPresence['onlineAmong'] = () => []
  return { follow, wake: () => wake(), onlineAmong: (clients) => onlineAmong(clients) }

  function follow(init: OnlineClientsInit): OnlineClients {
    const { clock, clients, hooks } = init
    const table = openPresenceTable(storage)
    const rows = table.list()
    const known = rows.filter(({ isOnline }) => isOnline).map(({ client }) => client)
    /** What was not reported before the restart, by client, and has not changed since. */
    const unreported = new Map(rows.flatMap((row) => (row.isReported ? [] : [[row.client, row]])))
    /** The latest report of each client whose hook has not settled. */
    const pending = new Map<string, object>()
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

    /** Goes on where the object was before its restart. */
    function resume(): void {
      clock.soon(() => {
        for (const { client, isOnline, at } of unreported.values()) report(client, isOnline, at)
        watch()
      })
      stopWaiting = clock.every(RETURN_MS, () => {
        stopWaiting()
        for (const client of known) online.update(client)
        watch()
      })
    }

    function update(client: string): void {
      online.update(client)
      watch()
    }

    function change(client: string, isOnline: boolean, at: number): void {
      unreported.delete(client)
      attempt(() => table.change(client, isOnline, at))
      report(client, isOnline, at)
    }

    function report(client: string, isOnline: boolean, at: number): void {
      const own = {}
      pending.set(client, own)
      const { onClientOnline, onClientOffline } = hooks
      const result = isOnline ? onClientOnline(client, at) : onClientOffline(client, at)
      void Promise.resolve(result).then(settled, settled)

      function settled(): void {
        // A later report about this client may have replaced it.
        if (pending.get(client) !== own) return
        pending.delete(client)
        attempt(() => table.report(client))
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
      if (isIdle()) return
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
      return clients()[Symbol.iterator]().next().done !== true
    }

    function isIdle(): boolean {
      return attempt(() => table.isEmpty) ?? false
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
