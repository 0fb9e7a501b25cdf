/** Who is connected, and who must go: here, and at all hubs that share the journal. */
import { type Address, addressKey, checkName, clientKey } from '../core/address.ts'
import type { Awaitable, Journal } from '../journal/journal.ts'
import type { Connection, ConnectionInfo } from './connection.ts'
import type { Registry } from './registry.ts'

/** One client with all its connections. */
export interface ClientSummary {
  readonly client: string
  readonly connections: number
  /** Since when the first of them is open, in milliseconds since 1970. */
  readonly since: number
  readonly queuedBytes: number
}

/** One connection. */
export interface ConnectionSummary extends ConnectionInfo {
  readonly connection: string
  /** Which hub holds it; absent where the journal is not shared. */
  readonly instance?: string
  readonly client: string
  readonly topics: readonly string[]
  /** Milliseconds since 1970. */
  readonly since: number
  readonly queuedBytes: number
  /** The hub's own included. */
  readonly queuedEvents: number
  /** Where it stands in the journal: behind the last event that it was given. Absent before its opening. */
  readonly cursor?: string | undefined
}

/** The first rows of a list, and how long it is. */
export interface Listing<Row> {
  readonly rows: readonly Row[]
  readonly total: number
}

/** What hubs ask each other. */
type ControlRequest =
  | { readonly about: 'clients'; readonly limit: number }
  | { readonly about: 'connections'; readonly key: string; readonly limit: number }
  | { readonly about: 'disconnect'; readonly client: string }

/** What presence is told from. */
export interface PresenceInit {
  readonly journal: Journal
  readonly registry: Registry
  cursorOf(connection: Connection): string | undefined
  /** Sends a client away from this hub; returns how many connections it had. */
  dismiss(client: string, blockMs: number): number
}

/** Answers at once where nobody else is to be asked. */
export interface Presence {
  clients(limit: number): Awaitable<Listing<ClientSummary>>
  /** @throws {HubError} `invalid-address` */
  connections(address: Address, limit: number): Awaitable<Listing<ConnectionSummary>>
  /** @throws {HubError} `invalid-address`, `at-capacity` */
  disconnect(client: string, blockMs: number): Awaitable<number>
  /** Answers another hub's question. */
  respond(question: unknown, keptMs: number): unknown
}

/** Makes the presence of a hub. */
export function createPresence(init: PresenceInit): Presence {
  const { journal, registry, cursorOf, dismiss } = init
  return { clients, connections, disconnect, respond }

  function clients(limit: number): Awaitable<Listing<ClientSummary>> {
    if (!journal.request) return clientsHere(limit)
    return ask<Listing<ClientSummary>>({ about: 'clients', limit }).then((all) => merge(all, limit))
  }

  function connections(address: Address, limit: number): Awaitable<Listing<ConnectionSummary>> {
    const key = addressKey(address)
    if (!journal.request) return connectionsHere(key, limit)
    return ask<Listing<ConnectionSummary>>({ about: 'connections', key, limit }).then((all) => ({
      rows: all.flatMap(({ rows }) => rows).slice(0, limit),
      total: all.reduce((sum, { total }) => sum + total, 0),
    }))
  }

  function disconnect(client: string, blockMs: number): Awaitable<number> {
    checkName('client id', client)
    if (!journal.request) return dismiss(client, blockMs)
    const all = ask<number>({ about: 'disconnect', client }, blockMs)
    return all.then((counts) => counts.reduce((sum, count) => sum + count, 0))
  }

  async function ask<T>(question: ControlRequest, keepMs?: number): Promise<readonly T[]> {
    return (await journal.request?.(question, keepMs)) as readonly T[]
  }

  function respond(question: unknown, keptMs: number): unknown {
    const asked = question as ControlRequest
    switch (asked.about) {
      case 'clients':
        return clientsHere(asked.limit)
      case 'connections':
        return connectionsHere(asked.key, asked.limit)
      case 'disconnect':
        return dismiss(asked.client, keptMs)
    }
  }

  function clientsHere(limit: number): Listing<ClientSummary> {
    return { rows: take(registry.clients(), limit).map(clientRow), total: registry.count().clients }
  }

  function clientRow(client: string): ClientSummary {
    const open = [...registry.at(clientKey(client))]
    const queuedBytes = open.reduce((sum, connection) => sum + connection.queuedBytes, 0)
    // Those who came first are first.
    return { client, connections: open.length, since: open[0]?.since ?? 0, queuedBytes }
  }

  function connectionsHere(key: string, limit: number): Listing<ConnectionSummary> {
    const listeners = registry.at(key)
    return { rows: take(listeners, limit).map(connectionRow), total: listeners.size }
  }

  function connectionRow(connection: Connection): ConnectionSummary {
    const { instance } = journal
    const { id, client, topics, since, queuedBytes, queuedEvents, info } = connection
    const queue = { queuedBytes, queuedEvents, cursor: cursorOf(connection) }
    const row = { connection: id, client, topics, since, ...queue, ...info }
    return instance === undefined ? row : { instance, ...row }
  }
}

/** A client may be connected to several hubs. The total is exact as long as each hub told all it has. */
function merge(all: readonly Listing<ClientSummary>[], limit: number): Listing<ClientSummary> {
  const byClient = new Map<string, ClientSummary>()
  let total = 0
  for (const { rows, total: here } of all) {
    total += here
    for (const row of rows) {
      const known = byClient.get(row.client)
      if (known) total -= 1
      byClient.set(row.client, known ? sum(known, row) : row)
    }
  }
  const rows = [...byClient.values()].sort((one, other) => one.since - other.since)
  return { rows: rows.slice(0, limit), total }
}

function sum(one: ClientSummary, other: ClientSummary): ClientSummary {
  return {
    client: one.client,
    connections: one.connections + other.connections,
    since: Math.min(one.since, other.since),
    queuedBytes: one.queuedBytes + other.queuedBytes,
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
