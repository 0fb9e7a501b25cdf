/** Who is connected: connections by the keys of the addresses they listen to. */
import { clientKey, EVERYONE, topicKey } from '../core/address.ts'
import type { Connection } from './connection.ts'

const NOBODY: ReadonlySet<Connection> = new Set()

/** An index of open connections. */
export interface Registry {
  add(connection: Connection): void
  /** False when it was not there. */
  remove(connection: Connection): boolean
  /** Those who listen to the address with this key: for the moment, it may change with the next that come or go. */
  at(key: string): ReadonlySet<Connection>
  /** The client ids that are connected, those who came first first. */
  clients(): Iterable<string>
  /** How many connections, clients and topics there are. */
  count(): { readonly connections: number; readonly clients: number; readonly topics: number }
}

/** The keys of all addresses that a connection listens to. */
export function keysOf({ client, topics }: Pick<Connection, 'client' | 'topics'>): string[] {
  return [EVERYONE, clientKey(client), ...topics.map(topicKey)]
}

/** Hears when the first comes to listen at a key, and when the last has gone. */
export interface ListenerHooks {
  onFirst?(key: string): void
  onLast?(key: string): void
}

/** Makes an empty index. */
export function createRegistry({ onFirst, onLast }: ListenerHooks = {}): Registry {
  // Most keys have one listener, who needs no set of its own.
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
      if (listeners instanceof Set && listeners.size > 0) continue
      byKey.delete(key)
      onLast?.(key)
    }
    return true
  }

  function at(key: string): ReadonlySet<Connection> {
    const listeners = byKey.get(key)
    if (listeners instanceof Set) return listeners
    return listeners ? new Set([listeners]) : NOBODY
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
