/** `hono-sse clients` and `hono-sse disconnect`: list who is connected, and end their connections. */
import type { ClientConnections, Clients, TopicConnections } from '../http/schemas/responses.ts'
import { colour } from './colour.ts'
import { CliError, EXIT } from './exit.ts'
import { visible } from './format.ts'
import { type Credentials, credentialOf, type Timeout } from './publish.ts'
import { call, resultOf, routeUrl } from './remote.ts'

/** The flags of `clients`. */
export interface ClientsFlags extends Credentials, Timeout {
  readonly client?: string
  readonly topic?: string
  readonly limit?: string
  readonly json?: true
}

/** The flags of `disconnect`. */
export interface DisconnectFlags extends Credentials, Timeout {
  /** Seconds. */
  readonly block?: string
}

type Listing = Partial<Clients & ClientConnections & TopicConnections> & { readonly total: number }

/** Prints the connected clients, or the connections of one client or topic, as a table. @throws {CliError} */
export async function printClients(hub: string, flags: ClientsFlags): Promise<void> {
  const { client, topic, limit, json, timeout } = flags
  if (client !== undefined && topic !== undefined) {
    throw new CliError(EXIT.usage, 'Specify at most one of --client and --topic.')
  }
  const url =
    topic === undefined
      ? routeUrl(hub, 'clients', ...(client === undefined ? [] : [client]))
      : routeUrl(hub, 'topics', topic)
  if (limit !== undefined) url.searchParams.set('limit', limit)
  const text = await call('GET', url, { credential: credentialOf(flags), timeout })
  const listing = parsed(text)
  if (json) return console.log(text)
  const rows = listing.connections ?? listing.clients ?? []
  if (rows.length > 0) console.log(tableOf(listing))
  const { total, asked = 0, answered = 0 } = listing
  const what = listing.connections ? 'connections' : 'clients'
  console.error(`${rows.length} of ${total} ${what}`)
  if (answered < asked) console.error(`incomplete: ${asked - answered} instances did not answer`)
}

/** Ends all connections of a client and prints the result. @throws {CliError} */
export async function disconnect(
  hub: string,
  client: string,
  flags: DisconnectFlags,
): Promise<void> {
  const url = routeUrl(hub, 'clients', client)
  if (flags.block !== undefined) url.searchParams.set('block', flags.block)
  const { timeout } = flags
  const result = await call('DELETE', url, { credential: credentialOf(flags), timeout })
  console.log(resultOf(result, 'disconnected'))
}

function parsed(text: string): Listing {
  try {
    const listing = JSON.parse(text) as Listing
    if (Array.isArray(listing.connections ?? listing.clients)) return listing
  } catch {
    // It is refused below.
  }
  throw new CliError(EXIT.refused, 'The response is not a list: this is not a hub.')
}

function tableOf({ connections, clients = [] }: Listing): string {
  if (!connections) {
    const rows = clients.map((row) => [row.client, row.connections, row.since, row.queuedBytes])
    return aligned([['CLIENT', 'CONNECTIONS', 'SINCE', 'QUEUED BYTES'], ...rows])
  }
  const head = ['CLIENT', 'CONNECTION', 'SINCE', 'QUEUED BYTES', 'CURSOR', 'ADDRESS', 'TOPICS']
  const rows = connections.map((row) => [
    ...[row.client, row.connection, row.since, row.queuedBytes],
    ...[row.cursor ?? '-', row.remoteAddress ?? '-', row.topics.join(', ') || '-'],
  ])
  return aligned([head, ...rows])
}

/** Names come from clients: none may break a line or reach the terminal. */
function aligned(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => visible(String(cell)).replace(/\s/g, ' ')))
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0))) ?? []
  const lines = cells.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '),
  )
  return [colour('grey', lines[0] ?? ''), ...lines.slice(1)].join('\n')
}
