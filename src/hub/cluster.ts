/** Cluster: sends control requests to all hubs that share the journal and merges their responses. */
import type { Backplane } from '../journal/backplane.ts'
import type { ClientSummary, ConnectionSummary, Listing, Presence } from './presence.ts'

/** What one hub contributes to the cluster. */
export interface ClusterMember extends Presence {
  /** The maximum lifetime of a connection in milliseconds. */
  readonly maxLifetimeMs: number
  /**
   * Ends the client's connections to this hub that are at least `minAgeMs` milliseconds old, and
   * blocks the client for `blockMs` milliseconds. Returns how many connections it ended.
   */
  disconnect(client: string, blockMs: number, minAgeMs?: number): number
}

/** How many instances were asked and how many responded. Absent if only one hub uses the journal. */
export interface Coverage {
  /** Instances that may be alive: those seen within the last minute. */
  readonly asked?: number
  readonly answered?: number
}

/** The result of disconnecting a client. */
export interface DisconnectResult extends Coverage {
  /** How many connections were ended. An instance that has not responded ends its connections when it receives the request. */
  readonly disconnected: number
}

/** Presence and disconnecting over all hubs that share the journal. */
export interface Cluster {
  clients(limit: number): Promise<Listing<ClientSummary> & Coverage>
  connections(key: string, limit: number): Promise<Listing<ConnectionSummary> & Coverage>
  disconnect(client: string, blockMs: number): Promise<DisconnectResult>
  /** Returns the response of this hub to a control request; undefined if it does not know the request. */
  respond(request: unknown, remainingMs: number): unknown
}

/**
 * The control requests that hubs send each other. `dismiss` ends connections that were open when it
 * was sent; it is stored for as long as one of them may be, which is `keepMs`. `disconnect` also
 * blocks the client for as long as it is stored.
 */
type ControlRequest =
  | { readonly type: 'clients'; readonly limit: number }
  | { readonly type: 'connections'; readonly key: string; readonly limit: number }
  | { readonly type: 'dismiss'; readonly client: string; readonly keepMs: number }
  | { readonly type: 'disconnect'; readonly client: string }

/** The maximum size of the rows in one response: 100 connections with the maximum number of topics fit. */
const MAX_RESPONSE_CHARACTERS = 1_048_576

/** Creates a cluster of this hub and all hubs on the backplane. Without a backplane, it is this hub alone. */
export function createCluster(backplane: Backplane | undefined, self: ClusterMember): Cluster {
  const alone = backplane?.instance === undefined
  return { clients, connections, disconnect, respond }

  async function clients(limit: number): Promise<Listing<ClientSummary> & Coverage> {
    if (!backplane) return self.clients(limit)
    const request: ControlRequest = { type: 'clients', limit }
    const { results, ...coverage } = await send(request, isListing<ClientSummary>)
    return { ...mergeClients(results, limit), ...coverage }
  }

  async function connections(
    key: string,
    limit: number,
  ): Promise<Listing<ConnectionSummary> & Coverage> {
    if (!backplane) return self.connections(key, limit)
    const request: ControlRequest = { type: 'connections', key, limit }
    const { results, ...coverage } = await send(request, isListing<ConnectionSummary>)
    return {
      rows: results.flatMap(({ rows }) => rows).slice(0, limit),
      total: results.reduce((sum, { total }) => sum + total, 0),
      ...coverage,
    }
  }

  async function disconnect(client: string, blockMs: number): Promise<DisconnectResult> {
    if (!backplane) return { disconnected: self.disconnect(client, blockMs) }
    const done: (Coverage & { readonly results: readonly number[] })[] = []
    // Blocked first: otherwise the client could reconnect in between.
    if (alone || blockMs > 0) {
      done.push(await send({ type: 'disconnect', client }, isCount, blockMs))
    }
    const keepMs = Math.ceil(self.maxLifetimeMs)
    if (!alone)
      done.push(await send({ type: 'dismiss', client, keepMs }, isCount, keepMs, 'answered'))
    const disconnected = done.flatMap(({ results }) => results).reduce((sum, one) => sum + one, 0)
    if (alone) return { disconnected }
    const asked = Math.max(...done.map(({ asked = 0 }) => asked))
    return { disconnected, asked, answered: Math.min(...done.map(({ answered = 0 }) => answered)) }
  }

  async function send<T>(
    request: ControlRequest,
    isResult: (response: unknown) => response is T,
    keepMs = 0,
    until?: 'answered',
  ): Promise<Coverage & { readonly results: readonly T[] }> {
    const none = { responses: [], asked: 0 }
    const { responses, asked } = (await backplane?.request(request, keepMs, until)) ?? none
    const results = responses.filter(isResult)
    return alone ? { results } : { results, asked, answered: results.length }
  }

  function respond(request: unknown, remainingMs: number): unknown {
    if (!isObject(request)) return
    // An instance of another version may send requests that this one does not know.
    const { type, key, client, keepMs } = request
    const limit = isCount(request.limit) ? request.limit : 0
    if (type === 'clients') return bounded(self.clients(limit))
    if (type === 'connections' && typeof key === 'string') {
      return bounded(self.connections(key, limit))
    }
    if (typeof client !== 'string') return
    if (type === 'disconnect') return self.disconnect(client, remainingMs)
    if (type === 'dismiss' && isCount(keepMs)) {
      return self.disconnect(client, 0, Math.max(0, keepMs - remainingMs))
    }
  }
}

/**
 * Truncates a list that is too large for one message: Redis closes a subscriber's connection once 32 MB
 * wait for it. The total stays that of the whole list.
 */
function bounded<Row>({ rows, total }: Listing<Row>): Listing<Row> {
  let room = MAX_RESPONSE_CHARACTERS
  for (const [index, row] of rows.entries()) {
    room -= JSON.stringify(row).length
    if (room < 0) return { rows: rows.slice(0, index), total }
  }
  return { rows, total }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}

function isListing<Row>(response: unknown): response is Listing<Row> {
  if (!isObject(response) || !isCount(response.total) || !Array.isArray(response.rows)) return false
  return response.rows.every((row) => isObject(row) && isCount(row.since))
}

/** Merges the clients of several hubs: a client may be connected to more than one. The total is exact if each hub listed all its clients. */
function mergeClients(
  all: readonly Listing<ClientSummary>[],
  limit: number,
): Listing<ClientSummary> {
  const byClient = new Map<string, ClientSummary>()
  let total = 0
  for (const listing of all) {
    total += listing.total
    for (const row of listing.rows) {
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
