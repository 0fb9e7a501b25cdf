/** Figures from Prometheus' text format: sums, labels, rates and bytes. */
import { expect, test } from 'vitest'
import { formatBytes, metric, perSecond } from '../../../src/dashboard/figures/prometheus-text.ts'

const TEXT = [
  '# TYPE gaps_total counter',
  'gaps_total{reason="epoch"} 2',
  'gaps_total{reason="evicted"} 3',
  'gaps_total_of_others 9',
  '',
].join('\n')

test('a metric is summed over its labels', () => {
  expect(metric(TEXT, 'gaps_total')).toBe(5)
  expect(metric(TEXT, 'unknown')).toBeUndefined()
})

test('a journal that workers share counts once, and those of shards add up', () => {
  const of = (label: string) =>
    ['1', '2'].map((name) => `hono_sse_journal_events{${label}="${name}"} 7\n`).join('')
  expect(metric(of('worker'), 'hono_sse_journal_events')).toBe(7)
  expect(metric(of('shard'), 'hono_sse_journal_events')).toBe(14)
})

test('a rate is per second, and a counter that starts again counts from 0', () => {
  expect(perSecond(100, 400, 2_000)).toBe(150)
  expect(perSecond(100, 50, 2_000)).toBe(25)
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_536, '1.5 kB'],
  [12_345, '12 kB'],
  [67_108_864, '67 MB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})
