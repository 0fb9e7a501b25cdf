/** Merges the responses of several shards into one. */
import { gauge, labelled, merged } from '../../http/prometheus.ts'
import { ListQuery } from '../../http/schemas/requests.ts'
import type { Clients, Published, TopicConnections, Topics } from '../../http/schemas/responses.ts'
import { mergeTopics } from '../../hub/listings.ts'

/** Adds up the connections that an event was queued for and lists its id on each shard. */
export function mergePublished(results: readonly Published[]): Published {
  const ids = results.flatMap(({ id }) => (id === undefined ? [] : [id]))
  const connections = results.reduce((sum, one) => sum + one.connections, 0)
  return ids.length > 0 ? { ids, connections } : { connections }
}

/** What a list has rows of. */
export type ListedRows = 'clients' | 'topics' | 'connections'

/** What a shard responds to `GET /clients`, `GET /topics` or `GET /topics/:topic`. */
export type ShardList = Pick<Clients, 'total'> &
  Partial<
    Pick<Clients, 'clients'> &
      Pick<Topics, 'topics'> &
      Pick<TopicConnections, 'topic' | 'connections'>
  >

/** A merged list, with the number of shards and how many of them it covers. */
export interface MergedList extends ShardList {
  readonly asked: number
  readonly answered: number
}

/**
 * Merges the rows of a list up to the `limit` in the URL: topics in alphabetical order, others longest connected
 * first. They end where a list does that its shard has cut to a size: its next row may come first.
 * @param lists - in the order of the shards; undefined for a shard that did not respond
 */
export function mergeLists(
  url: string,
  lists: readonly (ShardList | undefined)[],
  what: ListedRows,
): MergedList {
  const { limit } = ListQuery.parse({ limit: new URL(url).searchParams.get('limit') ?? undefined })
  const answers = lists.filter((list) => list !== undefined)
  const coverage = { asked: lists.length, answered: answers.length }
  if (what === 'topics') {
    const all = answers.map(({ topics = [], total }) => ({ rows: topics, total }))
    const { rows, total } = mergeTopics(all, limit)
    return { topics: rows, total, ...coverage }
  }
  const ends = lists.flatMap((list) => {
    const rows = list?.[what] ?? []
    return list && rows.length < Math.min(limit, list.total) ? [rows.at(-1)?.since ?? ''] : []
  })
  const rows = lists
    // Connections on two shards may have the same name.
    .flatMap((list, shard) => (list?.[what] ?? []).map((row) => ({ shard, ...row })))
    .filter(({ since }) => ends.every((end) => since <= end))
    .sort((one, other) => (one.since < other.since ? -1 : 1))
    .slice(0, limit)
  const total = answers.reduce((sum, list) => sum + list.total, 0)
  return { ...answers[0], [what]: rows, total, ...coverage }
}

/**
 * Merges metrics: every sample gets a `shard` label, and `hono_sse_shard_up` reports which shards responded.
 * @param texts - in the order of the shards; undefined for a shard that did not respond
 */
export function mergeMetrics(texts: readonly (string | undefined)[]): string {
  const up = texts.map((text, shard) => [String(shard), text === undefined ? 0 : 1] as const)
  const shards = gauge('hono_sse_shard_up', 'Whether the shard responded.', {
    label: 'shard',
    values: up,
  })
  const own = texts.map((text, shard) => labelled(text ?? '', 'shard', String(shard)))
  return shards + merged(own)
}

/** A response with the headers of the first shard's, such as those of CORS, and another body. */
export function withBody(
  { headers: original }: Response,
  body: string | ReadableStream<Uint8Array> | null,
): Response {
  const headers = new Headers(original)
  headers.delete('Content-Length')
  return new Response(body, { status: 200, headers })
}
