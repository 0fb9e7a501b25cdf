/** What the hub lists about clients and connections, and how that is worded. */

/** A row of `GET /clients`. */
export interface ClientRow {
  readonly client: string
  readonly connections: number
  /** When the oldest of its connections opened, in ISO 8601. */
  readonly since: string
  readonly queuedBytes: number
}

/** The response to `GET /clients`. */
export interface ClientListing {
  readonly clients: readonly ClientRow[]
  readonly total: number
}

/** A row of `GET /clients/:id`. */
export interface ConnectionRow {
  readonly connection: string
  readonly instance?: string
  readonly shard?: number
  readonly topics: readonly string[]
  readonly since: string
  readonly queuedBytes: number
  readonly queuedEvents: number
  readonly cursor?: string
  readonly opener?: string
  readonly remoteAddress?: string
  readonly requestId?: string
}

/** Words a time span: "5 s", "3 min", "2 h", "4 d". */
export function ageOf(since: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1_000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** Returns what is known of a connection, as pairs of name and text. */
export function factsOf(row: ConnectionRow, now: number): (readonly [string, string])[] {
  const place = row.instance ?? (row.shard === undefined ? undefined : `shard ${row.shard}`)
  const facts: (readonly [string, string | undefined])[] = [
    ['Topics', row.topics.join(', ') || 'none'],
    ['Age', ageOf(row.since, now)],
    ['Queue', `${row.queuedEvents} events, ${row.queuedBytes} B`.replace(/^1 events/, '1 event')],
    ['Cursor', row.cursor],
    ['Address', row.remoteAddress],
    ['Opener', row.opener],
    ['Instance', place],
    ['Request id', row.requestId],
  ]
  return facts.flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const]))
}
