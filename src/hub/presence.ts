/** Presence: lists the clients and connections of this hub. */
import { clientKey } from '../core/address.ts'
import { positionAt } from '../core/cursor.ts'
import type { Journal } from '../journal/journal.ts'
import type { Connection, ConnectionInfo } from './connection.ts'
import type { Registry } from './registry.ts'

/** A connected client. */
export interface ClientSummary {
  readonly client: string
  readonly connections: number
  /** When the oldest of its connections opened, in milliseconds since 1970. */
  readonly since: number
  /** Bytes queued for all its connections together. */
  readonly queuedBytes: number
}

/** An open connection. */
export interface ConnectionSummary extends ConnectionInfo {
  /** The connection's id within its hub. */
  readonly connection: string
  /** The id of its hub. Absent where only one hub uses the journal. */
  readonly instance?: string
  readonly client: string
  readonly topics: readonly string[]
  /** When it opened, in milliseconds since 1970. */
  readonly since: number
  readonly queuedBytes: number
  /** Queued events, including control events. */
  readonly queuedEvents: number
  /** The id of the last event queued for it. Absent before `hub:ready`. */
  readonly cursor?: string | undefined
}

/** The first rows of a list, and the total. */
export interface Listing<Row> {
  readonly rows: readonly Row[]
  readonly total: number
}

/** Lists the clients and connections of this hub, longest connected first. */
export interface Presence {
  clients(limit: number): Listing<ClientSummary>
  /** Lists the connections that listen to the address with this key. */
  connections(key: string, limit: number): Listing<ConnectionSummary>
}

/** Creates the presence of a hub. */
export function createPresence(journal: Journal, registry: Registry): Presence {
  return { clients, connections }

  function clients(limit: number): Listing<ClientSummary> {
    const rows = take(registry.clients(), limit).map(summarizeClient)
    return { rows, total: registry.count().clients }
  }

  function summarizeClient(client: string): ClientSummary {
    const open = [...registry.at(clientKey(client))]
    const queuedBytes = open.reduce((sum, connection) => sum + connection.queuedBytes, 0)
    // A set iterates in insertion order: the first connection is the oldest.
    return { client, connections: open.length, since: open[0]?.since ?? 0, queuedBytes }
  }

  function connections(key: string, limit: number): Listing<ConnectionSummary> {
    const listeners = registry.at(key)
    return { rows: take(listeners, limit).map(summarizeConnection), total: listeners.size }
  }

  function summarizeConnection(connection: Connection): ConnectionSummary {
    const { id, client, topics, since, queuedBytes, queuedEvents, info } = connection
    const queue = { queuedBytes, queuedEvents, cursor: cursorOf(connection) }
    const row = { connection: id, client, topics, since, ...queue, ...info }
    const instance = journal.backplane?.instance
    return instance === undefined ? row : { instance, ...row }
  }

  function cursorOf({ phase, position }: Connection): string | undefined {
    return phase === 'opening' ? undefined : positionAt(journal.head(), position).id
  }
}

function take<T>(items: Iterable<T>, limit: number): T[] {
  const taken: T[] = []
  for (const item of items) {
    if (taken.length === limit) break
    taken.push(item)
  }
  return taken
}
