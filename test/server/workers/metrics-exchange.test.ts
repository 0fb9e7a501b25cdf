/** The metrics of all workers become one text. */
import { expect, test } from 'vitest'
import {
  createMetricsCollector,
  mergeWorkers,
  type NamedText,
  withoutJournal,
} from '../../../src/server/workers/metrics-exchange.ts'
import { manualClock } from '../../support/clock.ts'

function setUp() {
  const clock = manualClock()
  const asked: number[] = []
  const collector = createMetricsCollector({
    clock,
    ask: (call) => {
      asked.push(call)
      return ['1', '2']
    },
  })
  const found: (readonly NamedText[])[] = []
  const collect = () => collector.collect((texts) => void found.push(texts))
  return { ...collector, clock, asked, found, collect }
}

test('all workers are asked, and each answer belongs to its call', () => {
  const { collect, onText, asked, found, clock } = setUp()
  collect()
  collect()
  expect(asked).toEqual([1, 2])
  onText('1', 2, 'b')
  onText('1', 1, 'a')
  onText('2', 1, 'c')
  expect(found).toEqual([
    [
      ['1', 'a'],
      ['2', 'c'],
    ],
  ])
  onText('2', 2, 'd')
  expect(clock.timers).toBe(0)
})

test('a worker that does not respond within two seconds is left out', async () => {
  const { collect, onText, found, clock } = setUp()
  collect()
  onText('2', 1, 'late')
  await clock.advance(2_000)
  expect(found).toEqual([[['2', 'late']]])
  onText('1', 1, 'too late')
  expect([found.length, clock.timers]).toEqual([1, 0])
})

test('the metrics of the journal are those of the first process, but whether it is ready', () => {
  const text = [
    '# HELP hono_sse_journal_up A.',
    'hono_sse_journal_up 1',
    '# HELP hono_sse_journal_events B.',
    '# TYPE hono_sse_journal_events gauge',
    'hono_sse_journal_events 3',
    'hono_sse_clients 2',
    '',
  ]
  expect(withoutJournal(text.join('\n'))).toBe([...text.slice(0, 2), ...text.slice(5)].join('\n'))
})

test('every sample has the label of its worker, each metric is described once, and a worker that is down is reported', () => {
  const text = (value: number) =>
    `# HELP a_total A.\n# TYPE a_total counter\n# HELP b B.\n# TYPE b gauge\nb{x="y"} ${value}\n`
  expect(
    mergeWorkers(3, [
      ['3', text(3)],
      ['0', '# HELP c C.\n# TYPE c gauge\nc 0\n'],
      ['1', text(1)],
    ]),
  ).toBe(
    [
      '# HELP hono_sse_worker_up Whether the worker responded.',
      '# TYPE hono_sse_worker_up gauge',
      'hono_sse_worker_up{worker="1"} 1',
      'hono_sse_worker_up{worker="2"} 0',
      'hono_sse_worker_up{worker="3"} 1',
      '# HELP c C.',
      '# TYPE c gauge',
      'c{worker="0"} 0',
      '# HELP a_total A.',
      '# TYPE a_total counter',
      '# HELP b B.',
      '# TYPE b gauge',
      'b{worker="1",x="y"} 1',
      'b{worker="3",x="y"} 3',
      '',
    ].join('\n'),
  )
})
