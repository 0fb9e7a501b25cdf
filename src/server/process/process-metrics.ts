/** Metrics of a server process: its memory, CPU, open files, and how long its event loop makes others wait. */
import type { Clock } from '../../core/clock.ts'
import { counter, gauge, histogram } from '../../http/prometheus.ts'
import { createHistogram, observe } from '../../hub/metrics.ts'

/** The files, sockets and pipes of a process. */
export interface OpenFiles {
  readonly open: number
  /** @defaultValue no limit, or an unknown one */
  readonly max?: number | undefined
}

/** What the metrics are read from. */
export interface ProcessMetricsInit {
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'every'>
  /** Counts the open files; undefined where it can't. @defaultValue the runtime can't */
  readonly openFiles?: (() => OpenFiles | undefined) | undefined
}

/** Milliseconds between two samples of the delay. An idle process wakes up this often, too. */
const SAMPLE_MS = 500

/** Bucket bounds in milliseconds. Timers have a resolution of 1 ms, so that a first bucket of less would stay empty. */
const DELAY_BOUNDS_MS = [2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]

/**
 * Starts to sample the delay of the event loop, with a timer that never ends, and returns a function that
 * writes all metrics in Prometheus' text format. They have the names that its other clients use.
 * @see https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
 */
export function createProcessMetrics({ clock, openFiles }: ProcessMetricsInit): () => string {
  const delayMs = createHistogram(DELAY_BOUNDS_MS)
  const startedAt = clock.now() / 1_000 - process.uptime()
  let sampledAt = clock.monotonic()
  clock.every(SAMPLE_MS, () => {
    const now = clock.monotonic()
    observe(delayMs, Math.max(0, now - sampledAt - SAMPLE_MS))
    sampledAt = now
  })
  return write

  function write(): string {
    const files = openFiles?.()
    const cpu = process.cpuUsage()
    return [
      gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()),
      counter('process_cpu_seconds_total', 'CPU time used.', (cpu.user + cpu.system) / 1e6),
      gauge('process_start_time_seconds', 'When the process started, since 1970.', startedAt),
      gauge('process_open_fds', 'Open file descriptors.', files?.open),
      gauge('process_max_fds', 'The maximum of open file descriptors.', files?.max),
      histogram(
        'hono_sse_event_loop_delay_seconds',
        'Time that a timer was late, sampled twice a second.',
        delayMs,
      ),
    ].join('')
  }
}
