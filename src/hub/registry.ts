/** The registry: an index of open connections by the keys of the addresses they listen to. */
import { clientKey, EVERYONE, topicKey } from '../core/address.ts'
import type { Connection } from './connection.ts'

const NONE: ReadonlySet<Connection> = new Set()

/** An index of open connections. */
export interface Registry {
  add(connection: Connection): void
  /** Removes a connection. Returns false if it was not registered. */
  remove(connection: Connection): boolean
  /** Returns the connections that listen to the address with this key. The set may change when connections open or end. */
  at(key: string): ReadonlySet<Connection>
  /** Iterates over the connected client ids, longest connected first. */
  clients(): Iterable<string>
  /** Returns the number of connections, clients and topics. */
  count(): { readonly connections: number; readonly clients: number; readonly topics: number }
}

/** Returns the keys of all addresses that a connection listens to. */
export function keysOf({ client, topics }: Pick<Connection, 'client' | 'topics'>): string[] {
  return [EVERYONE, clientKey(client), ...topics.map(topicKey)]
}

/** Hooks for the first and the last listener of a key. */
export interface ListenerHooks {
  /** Called when the first connection starts to listen to a key. */
  onFirst?(key: string): void
  /** Called when the last connection that listened to a key is removed. */
  onLast?(key: string): void
}

/** Creates an empty registry. */
export function createRegistry({ onFirst, onLast }: ListenerHooks = {}): Registry {
  // Most keys have a single listener, which is stored without a set.
  const byKey = new Map<string, Connection | Set<Connection>>()
  return { add, remove, at, clients, count }

  function add(connection: Connection): void {
    for (const key of keysOf(connection)) {
      const listeners = byKey.get(key)
      if (listeners instanceof Set) listeners.add(connection)
      else if (listeners) byKey.set(key, new Set([listeners, connection]))
      else {
        byKey.set(key, connection)
        onFirst?.(key)
      }
    }
  }

  function remove(connection: Connection): boolean {
    if (!at(EVERYONE).has(connection)) return false
    for (const key of keysOf(connection)) {
      const listeners = byKey.get(key)
      if (listeners instanceof Set) listeners.delete(connection)
      // If a hook threw in `add`, the connection is not registered at the keys after it.
      if (listeners instanceof Set ? listeners.size > 0 : listeners !== connection) continue
      byKey.delete(key)
      onLast?.(key)
    }
    return true
  }

  function at(key: string): ReadonlySet<Connection> {
    const listeners = byKey.get(key)
    if (listeners instanceof Set) return listeners
    return listeners ? new Set([listeners]) : NONE
  }

  function* clients(): Iterable<string> {
    const prefix = clientKey('')
    for (const key of byKey.keys()) if (key.startsWith(prefix)) yield key.slice(prefix.length)
  }

  function count(): { connections: number; clients: number; topics: number } {
    const connections = at(EVERYONE).size
    let clients = 0
    for (const key of byKey.keys()) if (key.startsWith(clientKey(''))) clients++
    const topics = connections === 0 ? 0 : byKey.size - clients - 1
    return { connections, clients, topics }
  }
}
