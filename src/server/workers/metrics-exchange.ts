/** Exchanges the metrics of workers through the first process, so that any worker reports those of all. */
import type { Clock } from '../../core/clock.ts'
import { gauge, labelled, merged } from '../../http/prometheus.ts'

/** Metrics in Prometheus' text format, by the name of their process. */
export type NamedText = readonly [name: string, text: string]

/** Collects the metrics of all workers. */
export interface MetricsCollector {
  /** Asks all workers, and calls `respond` with the metrics of those that have responded in time. */
  collect(respond: (texts: readonly NamedText[]) => void): void
  /** Called with the metrics of a worker. */
  onText(name: string, call: number, text: string): void
}

/** What a collector needs. */
export interface MetricsCollectorInit {
  readonly clock: Pick<Clock, 'every'>
  /** Asks all workers for their metrics. Returns their names. */
  ask(call: number): readonly string[]
}

/** Milliseconds after which a worker counts as down. Prometheus waits for ten seconds. */
const TIMEOUT_MS = 2_000

/** Creates the collector of the first process. */
export function createMetricsCollector({ clock, ask }: MetricsCollectorInit): MetricsCollector {
  const pending = new Map<number, (name: string, text: string) => void>()
  let count = 0
  return {
    collect,
    onText: (name, call, text) => pending.get(call)?.(name, text),
  }

  function collect(respond: (texts: readonly NamedText[]) => void): void {
    count += 1
    const call = count
    const texts: NamedText[] = []
    const cancel = clock.every(TIMEOUT_MS, finish)
    const asked = ask(call)
    pending.set(call, (name, text) => {
      texts.push([name, text])
      if (texts.length === asked.length) finish()
    })

    function finish(): void {
      cancel()
      if (pending.delete(call)) respond(texts)
    }
  }
}

/** The metrics of a journal, but whether it is ready. */
const JOURNAL = /^(?:# \w+ )?hono_sse_journal_(?!up\b)\w+.*\n/gm

/** Removes what the first process reports, which holds the journal: a sum over all workers would count it several times. */
export function withoutJournal(text: string): string {
  return text.replace(JOURNAL, '')
}

/**
 * Merges metrics: every sample gets a `worker` label, and `hono_sse_worker_up` reports which workers have responded.
 * @param count - how many workers there are, named from 1 on
 */
export function mergeWorkers(count: number, texts: readonly NamedText[]): string {
  const responded = new Set(texts.map(([name]) => name))
  const names = Array.from({ length: count }, (_, index) => String(index + 1))
  const up = names.map((name) => [name, Number(responded.has(name))] as const)
  const own = [...texts]
    .sort(([one], [other]) => Number(one) - Number(other))
    .map(([name, text]) => labelled(text, 'worker', name))
  const workers = gauge('hono_sse_worker_up', 'Whether the worker responded.', {
    label: 'worker',
    values: up,
  })
  return workers + merged(own)
}
