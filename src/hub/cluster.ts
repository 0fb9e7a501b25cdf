/** Cluster: sends control requests to all hubs that share the journal and merges their responses. */
import type { Backplane } from '../journal/backplane.ts'
import { bounded, countRows, firstRows, isComplete, mergeClients, mergeTopics } from './listings.ts'
import type {
  ClientSummary,
  ConnectionSummary,
  Listing,
  Presence,
  TopicSummary,
} from './presence.ts'

/** What one hub contributes to the cluster. */
export interface ClusterMember extends Pick<Presence, 'clients' | 'topics' | 'connections'> {
  /** The maximum lifetime of a connection in milliseconds. */
  readonly maxLifetimeMs: number
  /**
   * Ends the client's connections to this hub that are at least `minAgeMs` milliseconds old, and
   * blocks the client for `blockMs` milliseconds. Returns how many connections it ended.
   */
  disconnect(client: string, blockMs: number, minAgeMs?: number): number
  /** Ends what publishes to the client under the key. Returns how many pipes it ended. */
  stop(client: string, key: string): number
  /** Resolves with how many clients are connected to all hubs, if that is stored. */
  countClients?(): Promise<number | undefined> | undefined
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

/** The result of a stop. */
export interface StopResult extends Coverage {
  /** How many pipes were ended. */
  readonly stopped: number
}

/** Presence, disconnecting and stopping over all hubs that share the journal. */
export interface Cluster {
  clients(limit: number): Promise<Listing<ClientSummary> & Coverage>
  topics(limit: number): Promise<Listing<TopicSummary> & Coverage>
  connections(key: string, limit: number): Promise<Listing<ConnectionSummary> & Coverage>
  disconnect(client: string, blockMs: number): Promise<DisconnectResult>
  stop(client: string, key: string): Promise<StopResult>
  /** Returns the response of this hub to a control request; undefined if it does not know the request. */
  respond(request: unknown, remainingMs: number): unknown
}

/**
 * The control requests that hubs send each other. `dismiss` ends connections that were open when it
 * was sent; it is stored for as long as one of them may be, which is `keepMs`. `disconnect` also
 * blocks the client for as long as it is stored.
 */
type ControlRequest =
  | {
      readonly type: 'clients'
      readonly limit: number
      readonly maxCharacters: number
      /** Lists these clients only. */
      readonly of?: readonly string[]
    }
  | { readonly type: 'topics'; readonly limit: number; readonly maxCharacters: number }
  | {
      readonly type: 'connections'
      readonly key: string
      readonly limit: number
      readonly maxCharacters: number
    }
  | { readonly type: 'dismiss'; readonly client: string; readonly keepMs: number }
  | { readonly type: 'disconnect'; readonly client: string }
  | { readonly type: 'stop'; readonly client: string; readonly key: string }

/**
 * The maximum size of the rows in all responses, and in one of them, where 100 connections with the maximum
 * number of topics fit. Redis closes the connection of a subscriber once 32 MB wait for it.
 */
const MAX_CHARACTERS = 8_388_608
const MAX_RESPONSE_CHARACTERS = 1_048_576

/** The maximum number of clients that are asked for by name in one request. */
const MAX_NAMES = 1_000

/** Creates a cluster of this hub and all hubs on the backplane. Without a backplane, it is this hub alone. */
export function createCluster(backplane: Backplane | undefined, self: ClusterMember): Cluster {
  const alone = backplane?.instance === undefined
  return { clients, topics, connections, disconnect, stop, respond }

  async function clients(limit: number): Promise<Listing<ClientSummary> & Coverage> {
    if (alone) return bounded(self.clients(limit), MAX_RESPONSE_CHARACTERS)
    const request: ControlRequest = { type: 'clients', limit, maxCharacters: maxCharacters() }
    const { results, ...coverage } = await send(request, isListing<ClientSummary>)
    const { total, rows } = mergeClients(results)
    const list = { rows: firstRows(results, rows, limit), total, ...coverage }
    const listed = results.every(isComplete) ? list : await complete(list, results)
    if (listed === list && results.length === coverage.asked) return list
    const counted = (await self.countClients?.()) ?? listed.total
    return { ...listed, total: Math.max(counted, listed.rows.length) }
  }

  /** Completes the rows of clients that are connected to hubs that have not listed them. */
  async function complete(
    { rows, total, asked = 0, answered = 0 }: Listing<ClientSummary> & Coverage,
    listed: readonly Listing<ClientSummary>[],
  ): Promise<Listing<ClientSummary> & Coverage> {
    const all: ClientSummary[] = []
    let leastAnswered = answered
    let repeated = 0
    for (let at = 0; at < rows.length; at += MAX_NAMES) {
      const part = rows.slice(at, at + MAX_NAMES)
      const request: ControlRequest = {
        type: 'clients',
        limit: part.length,
        maxCharacters: maxCharacters(),
        of: part.map(({ client }) => client),
      }
      const { results } = await send(request, isListing<ClientSummary>)
      const byClient = new Map(mergeClients(results).rows.map((row) => [row.client, row]))
      all.push(...part.map((row) => byClient.get(row.client) ?? row))
      repeated += Math.max(0, countRows(results, part) - countRows(listed, part))
      leastAnswered = Math.min(leastAnswered, results.length)
    }
    return { rows: all, total: total - repeated, asked, answered: leastAnswered }
  }

  async function topics(limit: number): Promise<Listing<TopicSummary> & Coverage> {
    if (alone) return bounded(self.topics(limit), MAX_RESPONSE_CHARACTERS)
    const request: ControlRequest = { type: 'topics', limit, maxCharacters: maxCharacters() }
    const { results, ...coverage } = await send(request, isTopics)
    return { ...mergeTopics(results, limit), ...coverage }
  }

  async function connections(
    key: string,
    limit: number,
  ): Promise<Listing<ConnectionSummary> & Coverage> {
    if (alone) return bounded(self.connections(key, limit), MAX_RESPONSE_CHARACTERS)
    const request: ControlRequest = {
      type: 'connections',
      key,
      limit,
      maxCharacters: maxCharacters(),
    }
    const { results, ...coverage } = await send(request, isListing<ConnectionSummary>)
    const rows = results.flatMap((listing) => listing.rows)
    return {
      rows: firstRows(results, rows, limit),
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

  async function stop(client: string, key: string): Promise<StopResult> {
    // Its own at once: the others may be out of reach. They do not count twice when this hub is asked, too.
    const own = self.stop(client, key)
    if (alone) return { stopped: own }
    const { results, ...coverage } = await send({ type: 'stop', client, key }, isCount)
    return { stopped: results.reduce((sum, one) => sum + one, own), ...coverage }
  }

  /** The size of each hub's response, so that all of them together fit. */
  function maxCharacters(): number {
    const share = Math.floor(MAX_CHARACTERS / Math.max(1, backplane?.instances ?? 1))
    return Math.min(share, MAX_RESPONSE_CHARACTERS)
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
    const { type, key, client, keepMs, of } = request
    const limit = isCount(request.limit) ? request.limit : 0
    const asked = isCount(request.maxCharacters) ? request.maxCharacters : Number.POSITIVE_INFINITY
    const room = Math.min(asked, MAX_RESPONSE_CHARACTERS)
    if (type === 'clients') {
      const names = Array.isArray(of) ? of.slice(0, MAX_NAMES).map(String) : undefined
      return bounded(self.clients(limit, names), room)
    }
    if (type === 'topics') return bounded(self.topics(limit), room)
    if (type === 'connections' && typeof key === 'string') {
      return bounded(self.connections(key, limit), room)
    }
    if (typeof client !== 'string') return
    if (type === 'stop' && typeof key === 'string') return self.stop(client, key)
    if (type === 'disconnect') return self.disconnect(client, remainingMs)
    if (type === 'dismiss' && isCount(keepMs)) {
      return self.disconnect(client, 0, Math.max(0, keepMs - remainingMs))
    }
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}

function isListing<Row>(response: unknown): response is Listing<Row> {
  return isListOf(response, ({ since }) => isCount(since))
}

function isTopics(response: unknown): response is Listing<TopicSummary> {
  return isListOf(response, ({ topic, connections }) => {
    return typeof topic === 'string' && isCount(connections)
  })
}

function isListOf(
  response: unknown,
  isRow: (row: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  if (!isObject(response) || !isCount(response.total) || !Array.isArray(response.rows)) return false
  return response.rows.every((row) => isObject(row) && isRow(row))
}
