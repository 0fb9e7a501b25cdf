/** The text format: each figure is described once, whatever it is put together from. */
import { expect, test } from 'vitest'
import { counter, gauge, histogram, labelled, merged } from '../../src/http/prometheus.ts'

test('a metric is described before its samples', () => {
  expect(gauge('a', 'It is.', 1.5)).toBe('# HELP a It is.\n# TYPE a gauge\na 1.5\n')
  const values = { label: 'is', values: Object.entries({ x: 1, y: 2 }) }
  expect(counter('b_total', 'They are.', values)).toBe(
    '# HELP b_total They are.\n# TYPE b_total counter\nb_total{is="x"} 1\nb_total{is="y"} 2\n',
  )
})

test('a metric without a sample is not described', () => {
  expect(gauge('a', 'It is.', undefined)).toBe('')
})

test('the buckets of a histogram are cumulative, in seconds', () => {
  const observed = { bounds: [1, 2.5], counts: [3, 0, 2], sum: 2_503 }
  expect(histogram('a_seconds', 'How long.', observed)).toBe(
    [
      '# HELP a_seconds How long.',
      '# TYPE a_seconds histogram',
      'a_seconds_bucket{le="0.001"} 3',
      'a_seconds_bucket{le="0.0025"} 3',
      'a_seconds_bucket{le="+Inf"} 5',
      'a_seconds_sum 2.503',
      'a_seconds_count 5\n',
    ].join('\n'),
  )
})

test('texts with the same metrics are merged, each sample with its label', () => {
  const one = gauge('a', 'It is.', 1) + counter('b_total', 'They are.', { label: 'is', values: [] })
  const two =
    gauge('a', 'It is.', 2) +
    counter('b_total', 'They are.', { label: 'is', values: [['x {} y', 3]] })
  expect(merged([labelled(one, 'of', '0'), labelled(two, 'of', '1')])).toBe(
    [
      '# HELP a It is.',
      '# TYPE a gauge',
      'a{of="0"} 1',
      'a{of="1"} 2',
      '# HELP b_total They are.',
      '# TYPE b_total counter',
      'b_total{of="1",is="x {} y"} 3\n',
    ].join('\n'),
  )
})
