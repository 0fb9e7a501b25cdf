/** Lists of several hubs: each is cut to the size of a message, and they are merged into one. */
import { checkRange, HubError } from '../core/errors.ts'
import type { ClientSummary, Listing, TopicSummary } from './presence.ts'

/** Returns the maximum number of rows of a list. @throws {HubError} `invalid-option` unless it is a whole number */
export function checkLimit(limit = 1_000): number {
  checkRange('limit', limit, 0)
  if (Number.isInteger(limit)) return limit
  throw new HubError('invalid-option', `limit must be a whole number, but is ${limit}.`)
}

/** Truncates a list that is too large for one message. The total stays that of the whole list. */
export function bounded<Row>({ rows, total }: Listing<Row>, maxCharacters: number): Listing<Row> {
  let room = maxCharacters
  for (const [index, row] of rows.entries()) {
    room -= JSON.stringify(row).length
    if (room < 0) return { rows: rows.slice(0, index), total }
  }
  return { rows, total }
}

/** Returns whether a hub has listed all it has. */
export function isComplete({ rows, total }: Listing<unknown>): boolean {
  return rows.length >= total
}

/** Returns the first of the merged rows. They end where the list of a hub does: its next row may come first. */
export function firstRows<Row extends { readonly since: number }>(
  all: readonly Listing<Row>[],
  merged: readonly Row[],
  limit: number,
): readonly Row[] {
  const ends = all
    .filter((listing) => !isComplete(listing))
    .map(({ rows }) => rows.at(-1)?.since ?? Number.NEGATIVE_INFINITY)
  const end = Math.min(...ends)
  return merged
    .filter(({ since }) => since <= end)
    .sort((one, other) => one.since - other.since)
    .slice(0, limit)
}

/** Returns how many rows of these clients the hubs have listed. */
export function countRows(
  all: readonly Listing<ClientSummary>[],
  of: readonly ClientSummary[],
): number {
  const clients = new Set(of.map(({ client }) => client))
  return all.flatMap(({ rows }) => rows.filter(({ client }) => clients.has(client))).length
}

/** Merges the clients of several hubs: a client may be connected to more than one. The total counts it once if all of them listed it. */
export function mergeClients(all: readonly Listing<ClientSummary>[]): Listing<ClientSummary> {
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
  return { rows: [...byClient.values()], total }
}

/**
 * Merges the topics of several hubs, in alphabetical order, up to the limit. They end where a list does that is
 * not complete: its next topic may come first. The total counts a topic once if all hubs listed it.
 */
export function mergeTopics<Row extends TopicSummary>(
  all: readonly Listing<Row>[],
  limit: number,
): Listing<Row> {
  const byTopic = new Map<string, Row>()
  let total = 0
  for (const listing of all) {
    total += listing.total
    for (const row of listing.rows) {
      const known = byTopic.get(row.topic)
      if (known) total -= 1
      const connections = row.connections + (known?.connections ?? 0)
      byTopic.set(row.topic, { ...row, connections })
    }
  }
  const ends = all.flatMap((listing) =>
    isComplete(listing) ? [] : [listing.rows.at(-1)?.topic ?? ''],
  )
  const rows = [...byTopic.values()]
    .filter(({ topic }) => ends.every((end) => topic <= end))
    .sort((one, other) => (one.topic < other.topic ? -1 : 1))
    .slice(0, limit)
  return { rows, total }
}

function sum(one: ClientSummary, other: ClientSummary): ClientSummary {
  return {
    client: one.client,
    connections: one.connections + other.connections,
    since: Math.min(one.since, other.since),
    queuedBytes: one.queuedBytes + other.queuedBytes,
  }
}
