/** The registry: an index of open connections by the keys of the addresses they listen to. */
import { clientKey, clientOf, EVERYONE, followedKey, followedOf } from '../../core/address.ts'
import { uncovered } from '../../core/patterns/topic-pattern.ts'
import type { HubConnection } from './connection.ts'

const NONE: ReadonlySet<HubConnection> = new Set()

/** An index of open connections. */
export interface Registry {
  add(connection: HubConnection): void
  /** Removes a connection that was added, if only at some of its keys. */
  remove(connection: HubConnection): void
  /** Returns the connections that listen to the address with this key. The set may change when connections open or end. */
  at(key: string): ReadonlySet<HubConnection>
  /** Iterates over the connected client ids, longest connected first. */
  clients(): Iterable<string>
  /** Iterates over the topics and patterns that connections follow. */
  topics(): Iterable<string>
  /** Returns the number of connections, clients, and topics and patterns. */
  count(): { readonly connections: number; readonly clients: number; readonly topics: number }
}

/** Returns the keys of all addresses that a connection listens to. At most one of its topics and patterns has any event for one topic. */
export function keysOf({ client, topics }: Pick<HubConnection, 'client' | 'topics'>): string[] {
  return [EVERYONE, clientKey(client), ...uncovered(topics).map(followedKey)]
}

/** Hooks for the first and the last listener of a key. */
export interface ListenerHooks {
  /** Called when the first connection starts to listen to a key. */
  onFirst(key: string): void
  /** Called when the last connection that listened to a key is removed. */
  onLast(key: string): void
  /** Called when another number of connections listens to a key, before `onLast` and after `onFirst`. @defaultValue nothing */
  readonly onCount?: ((key: string, connections: number) => void) | undefined
}

/** Creates an empty registry. */
export function createRegistry({ onFirst, onLast, onCount }: ListenerHooks): Registry {
  // Most keys have a single listener, which is stored without a set.
  const byKey = new Map<string, HubConnection | Set<HubConnection>>()
  /** Counted as they come and go: lists and metrics would otherwise walk through all keys. */
  let clientCount = 0
  let topicCount = 0
  return { add, remove, at, clients, topics, count }

  function add(connection: HubConnection): void {
    for (const key of keysOf(connection)) {
      const listeners = byKey.get(key)
      if (listeners instanceof Set) listeners.add(connection)
      else if (listeners) byKey.set(key, new Set([listeners, connection]))
      else {
        byKey.set(key, connection)
        tally(key, 1)
        onFirst(key)
      }
      onCount?.(key, at(key).size)
    }
  }

  function remove(connection: HubConnection): void {
    for (const key of keysOf(connection)) {
      const listeners = byKey.get(key)
      if (listeners instanceof Set) listeners.delete(connection)
      // If a hook threw in `add`, the connection is not registered at the keys after it.
      const isLast = listeners instanceof Set ? listeners.size === 0 : listeners === connection
      if (isLast && byKey.delete(key)) tally(key, -1)
      onCount?.(key, at(key).size)
      if (isLast) onLast(key)
    }
  }

  function at(key: string): ReadonlySet<HubConnection> {
    const listeners = byKey.get(key)
    if (listeners instanceof Set) return listeners
    return listeners ? new Set([listeners]) : NONE
  }

  function* clients(): Iterable<string> {
    const prefix = clientKey('')
    for (const key of byKey.keys()) if (key.startsWith(prefix)) yield key.slice(prefix.length)
  }

  function* topics(): Iterable<string> {
    for (const key of byKey.keys()) {
      const topic = followedOf(key)
      if (topic !== undefined) yield topic
    }
  }

  function count(): { connections: number; clients: number; topics: number } {
    return { connections: at(EVERYONE).size, clients: clientCount, topics: topicCount }
  }

  function tally(key: string, change: 1 | -1): void {
    if (clientOf(key) !== undefined) clientCount += change
    else if (followedOf(key) !== undefined) topicCount += change
  }
}
