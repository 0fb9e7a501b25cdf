/** Figures of several objects as one text: each sample says of which object it is. */
import { gauge, labelled, merged } from '../../http/prometheus.ts'

/** One text of those of all objects, in the order of their numbers; undefined for one that did not answer. */
export function mergeMetrics(texts: readonly (string | undefined)[]): string {
  const up = texts.map((text, index) => [String(index), text === undefined ? 0 : 1] as const)
  const shards = gauge('hono_sse_shard_up', 'Whether the object has answered.', {
    label: 'shard',
    values: up,
  })
  const own = texts.map((text, index) => labelled(text ?? '', 'shard', String(index)))
  return shards + merged(own)
}
