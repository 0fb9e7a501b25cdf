/** Cluster: sends control requests to all hubs that share the journal, and merges their responses. */
import type { Backplane } from '../journal/backplane.ts'
import type { ClientSummary, ConnectionSummary, Listing, Presence } from './presence.ts'

/** What one hub contributes to the cluster. */
export interface ClusterMember extends Presence {
  /**
   * Ends the client's connections to this hub, and blocks the client for `blockMs` milliseconds.
   * Returns how many connections there were.
   */
  disconnect(client: string, blockMs: number): number
}

/** Presence and disconnecting over all hubs that share the journal. */
export interface Cluster {
  clients(limit: number): Promise<Listing<ClientSummary>>
  connections(key: string, limit: number): Promise<Listing<ConnectionSummary>>
  disconnect(client: string, blockMs: number): Promise<number>
  /** Returns the response of this hub to a control request. */
  respond(request: unknown, remainingMs: number): unknown
}

/** The control requests that hubs send each other. */
type ControlRequest =
  | { readonly about: 'clients'; readonly limit: number }
  | { readonly about: 'connections'; readonly key: string; readonly limit: number }
  | { readonly about: 'disconnect'; readonly client: string }

/** Creates a cluster of this hub and all hubs on the backplane. Without a backplane, it is this hub alone. */
export function createCluster(backplane: Backplane | undefined, self: ClusterMember): Cluster {
  return { clients, connections, disconnect, respond }

  async function clients(limit: number): Promise<Listing<ClientSummary>> {
    if (!backplane) return self.clients(limit)
    return mergeClients(await send<Listing<ClientSummary>>({ about: 'clients', limit }), limit)
  }

  async function connections(key: string, limit: number): Promise<Listing<ConnectionSummary>> {
    if (!backplane) return self.connections(key, limit)
    const all = await send<Listing<ConnectionSummary>>({ about: 'connections', key, limit })
    return {
      rows: all.flatMap(({ rows }) => rows).slice(0, limit),
      total: all.reduce((sum, { total }) => sum + total, 0),
    }
  }

  async function disconnect(client: string, blockMs: number): Promise<number> {
    if (!backplane) return self.disconnect(client, blockMs)
    const counts = await send<number>({ about: 'disconnect', client }, blockMs)
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async function send<T>(request: ControlRequest, keepMs = 0): Promise<readonly T[]> {
    return ((await backplane?.request(request, keepMs)) ?? []) as readonly T[]
  }

  function respond(request: unknown, remainingMs: number): unknown {
    const control = request as ControlRequest
    switch (control.about) {
      case 'clients':
        return self.clients(control.limit)
      case 'connections':
        return self.connections(control.key, control.limit)
      case 'disconnect':
        return self.disconnect(control.client, remainingMs)
    }
  }
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
