/** Subscribers: an index of those who iterate over events, beside the connections of clients. */
import type { HubConnection } from '../connections/connection.ts'
import type { ListenerHooks } from '../connections/registry.ts'

const NONE: ReadonlySet<HubConnection> = new Set()

/** An index of subscribers. They count neither as connections nor as clients. */
export interface Subscribers {
  /** All of them. */
  readonly all: ReadonlySet<HubConnection>
  add(subscriber: HubConnection): void
  /** Removes a subscriber. Safe to call twice. */
  remove(subscriber: HubConnection): void
  /** Returns the subscribers to the address with this key. */
  at(key: string): ReadonlySet<HubConnection>
}

/** Creates an empty index. */
export function createSubscribers({ onFirst, onLast }: ListenerHooks): Subscribers {
  const all = new Set<HubConnection>()
  const byKey = new Map<string, Set<HubConnection>>()
  return { all, add, remove, at: (key) => byKey.get(key) ?? NONE }

  function add(subscriber: HubConnection): void {
    all.add(subscriber)
    for (const key of subscriber.keys) {
      const known = byKey.get(key)
      if (known) known.add(subscriber)
      else {
        byKey.set(key, new Set([subscriber]))
        onFirst(key)
      }
    }
  }

  function remove(subscriber: HubConnection): void {
    all.delete(subscriber)
    for (const key of subscriber.keys) {
      const known = byKey.get(key)
      // It may have been removed before; or a hook threw in `add`: then it is not registered at the keys after that.
      if (!known?.delete(subscriber) || known.size > 0) continue
      byKey.delete(key)
      onLast(key)
    }
  }
}
