/** Presence: lists the clients, topics and connections of this hub. */
import { clientKey, followedKey, followedOf, isPatternKey, keysAt } from '../core/address.ts'
import { type Position, positionAt } from '../core/cursor.ts'
import { widerPatterns } from '../core/patterns/topic-pattern.ts'
import type { HubConnection } from './connections/connection.ts'
import type { ConnectionInfo } from './connections/connection-types.ts'
import { listenersAt } from './connections/listeners.ts'
import type { Registry } from './connections/registry.ts'
import { attempt } from './hooks/attempt.ts'
import type { HubSettings } from './options.ts'

/** A connected client. */
export interface ClientSummary {
  readonly client: string
  readonly connections: number
  /** When the oldest of its connections opened, in milliseconds since 1970. */
  readonly since: number
  /** Bytes queued for all its connections together. */
  readonly queuedBytes: number
}

/**
 * An open connection.
 * @typeParam Context - your own data about it
 */
export interface ConnectionSummary<Context = unknown> extends ConnectionInfo {
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
  /** The id of the last event queued for it. Absent before `hub:ready`, and if the journal fails. */
  readonly cursor?: string | undefined
  /** What was passed as `context` when it opened. Absent for connections of other hubs. */
  readonly context?: Context
}

/** A topic, or a pattern, that connections follow. */
export interface TopicSummary {
  readonly topic: string
  /** How many connections follow it, without those that follow a pattern that covers it. */
  readonly connections: number
}

/** The first rows of a list, and the total. */
export interface Listing<Row> {
  readonly rows: readonly Row[]
  readonly total: number
}

/** Lists the clients and connections of this hub, longest connected first, and its topics in alphabetical order. */
export interface Presence {
  /** Lists the connected clients. @param names - lists only these, as far as they are connected */
  clients(limit: number, names?: readonly string[]): Listing<ClientSummary>
  /** Lists the topics and patterns that connections follow. */
  topics(limit: number): Listing<TopicSummary>
  /** Lists the connections that listen to the address with this key: to a topic, also by a pattern. */
  connections(key: string, limit: number): Listing<ConnectionSummary>
  /** Adds the context to the rows of this hub. Other hubs do not receive it. */
  withContext<Context>(
    key: string,
    rows: readonly ConnectionSummary[],
  ): ConnectionSummary<Context>[]
}

/** Creates the presence of a hub. */
export function createPresence(
  { journal, hooks }: Pick<HubSettings, 'journal' | 'hooks'>,
  registry: Registry,
): Presence {
  const instance = journal.backplane?.instance
  return { clients, topics, connections, withContext }

  function clients(limit: number, names?: readonly string[]): Listing<ClientSummary> {
    if (!names) {
      const rows = take(registry.clients(), limit).map(summarizeClient)
      return { rows, total: registry.count().clients }
    }
    const connected = names.filter((client) => registry.at(clientKey(client)).size > 0)
    return { rows: take(connected, limit).map(summarizeClient), total: connected.length }
  }

  function summarizeClient(client: string): ClientSummary {
    const open = [...registry.at(clientKey(client))]
    const queuedBytes = open.reduce((sum, connection) => sum + connection.queuedBytes, 0)
    // A set iterates in insertion order: the first connection is the oldest.
    return { client, connections: open.length, since: open[0]?.since ?? 0, queuedBytes }
  }

  function topics(limit: number): Listing<TopicSummary> {
    const { rows, total } = firstNames(registry.topics(), limit)
    const summarize = (topic: string) => {
      return { topic, connections: registry.at(followedKey(topic)).size }
    }
    return { rows: rows.map(summarize), total }
  }

  function connections(key: string, limit: number): Listing<ConnectionSummary> {
    const listeners = allAt(key)
    const head = attempt(hooks, () => journal.head())
    const rows = take(listeners, limit).map((connection) => summarizeConnection(connection, head))
    return { rows, total: listeners.size }
  }

  /** What listens to an address, longest connected first. */
  function allAt(key: string): ReadonlySet<HubConnection> {
    const listeners = listenersAt(registry, keysAt(key))
    const covered = isPatternKey(key) ? coveredAt(followedOf(key) ?? '') : []
    if (listeners === registry.at(key) && covered.length === 0) return listeners
    const all = [...listeners, ...covered]
    return new Set(all.sort((one, other) => one.since - other.since))
  }

  /** What follows a pattern, and listens to a wider one instead. */
  function coveredAt(pattern: string): HubConnection[] {
    const wider = widerPatterns(pattern).flatMap((one) => [...registry.at(followedKey(one))])
    return wider.filter(({ topics }) => topics.includes(pattern))
  }

  function summarizeConnection(
    connection: HubConnection,
    head: Position | undefined,
  ): ConnectionSummary {
    const { id, client, topics, since, queuedBytes, queuedEvents, info } = connection
    const queue = { queuedBytes, queuedEvents, cursor: cursorOf(connection, head) }
    const row = { connection: id, client, topics, since, ...queue, ...info }
    return instance === undefined ? row : { instance, ...row }
  }

  function withContext<Context>(
    key: string,
    rows: readonly ConnectionSummary[],
  ): ConnectionSummary<Context>[] {
    const contexts = new Map<string, unknown>()
    const missing = new Set(
      rows.flatMap((row) => (row.instance === instance ? row.connection : [])),
    )
    for (const { id, context } of allAt(key)) {
      if (missing.size === 0) break
      if (missing.delete(id) && context !== undefined) contexts.set(id, context)
    }
    return (rows as readonly ConnectionSummary<Context>[]).map((row) => {
      if (row.instance !== instance || !contexts.has(row.connection)) return row
      return { ...row, context: contexts.get(row.connection) as Context }
    })
  }
}

function cursorOf(
  { phase, position }: HubConnection,
  head: Position | undefined,
): string | undefined {
  return phase === 'opening' || !head ? undefined : positionAt(head, position).id
}

function take<T>(items: Iterable<T>, limit: number): T[] {
  const taken: T[] = []
  for (const item of items) {
    if (taken.length === limit) break
    taken.push(item)
  }
  return taken
}

/**
 * Returns the first names in alphabetical order (that of their UTF-16 code units, as everywhere), and the number
 * of all. It sorts no more than twice as many as it returns at once, however many there are.
 */
function firstNames(names: Iterable<string>, limit: number): Listing<string> {
  let first: string[] = []
  let last: string | undefined
  let total = 0
  for (const name of names) {
    total += 1
    if (limit === 0 || (last !== undefined && name > last)) continue
    first.push(name)
    if (first.length < 2 * limit) continue
    first = first.sort().slice(0, limit)
    last = first.at(-1)
  }
  return { rows: first.sort().slice(0, limit), total }
}
