/** What a server process reports about itself: true figures, under the names that Prometheus expects. */
import { expect, test } from 'vitest'
import { createProcessMetrics } from '../../../src/server/process/process-metrics.ts'
import { manualClock } from '../../support/clock.ts'
import { PROMTOOL_IS_MISSING, promtoolErrors } from '../../support/promtool.ts'
import { samplesOf } from '../../support/samples.ts'

const delays = (text: string) =>
  ['count', 'sum', 'bucket{le="0.005"}', 'bucket{le="0.25"}'].map((name) =>
    samplesOf(text).get(`hono_sse_event_loop_delay_seconds_${name}`),
  )

test('a timer that runs on time has no delay, and one that is late has waited that long', async () => {
  const clock = manualClock()
  let blockedMs = 0
  const write = createProcessMetrics({
    clock: { ...clock, monotonic: () => clock.monotonic() + blockedMs },
  })
  await clock.advance(1_000)
  expect(delays(write())).toEqual([2, 0, 2, 2])
  blockedMs = 200
  await clock.advance(1_000)
  expect(delays(write())).toEqual([4, 0.2, 3, 4])
})

test('memory, CPU and start are those of this process', () => {
  const clock = manualClock()
  const samples = samplesOf(createProcessMetrics({ clock })())
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1e7)
  expect(samples.get('process_cpu_seconds_total')).toBeGreaterThan(0)
  expect(samples.get('process_start_time_seconds')).toBeLessThan(clock.now() / 1_000)
})

test('open files are reported where the runtime counts them', () => {
  const clock = manualClock()
  const counted = (openFiles?: () => { open: number; max?: number } | undefined) =>
    [...samplesOf(createProcessMetrics({ clock, openFiles })())].filter(([name]) =>
      name.endsWith('_fds'),
    )
  expect(counted()).toEqual([])
  expect(counted(() => undefined)).toEqual([])
  expect(counted(() => ({ open: 7 }))).toEqual([['process_open_fds', 7]])
  expect(counted(() => ({ open: 7, max: 9 }))).toEqual([
    ['process_open_fds', 7],
    ['process_max_fds', 9],
  ])
})

test.skipIf(PROMTOOL_IS_MISSING)(
  'promtool accepts them (skipped where it is not installed)',
  () => {
    const openFiles = () => ({ open: 7, max: 9 })
    expect(promtoolErrors(createProcessMetrics({ clock: manualClock(), openFiles })())).toBe('')
  },
)
