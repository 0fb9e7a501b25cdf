/** The figures for operators: charts of the hub's metrics, and of the page's own pings. */
import type { ApiResult } from '../api.ts'
import { byId, createButton, plural, setText } from '../elements.ts'
import { type Chart, createChart } from './chart.ts'
import { formatBytes, metric, perSecond } from './prometheus-text.ts'

/** The figures. */
export interface Figures {
  /** Shows the response to `GET /metrics`. */
  show(result: ApiResult): void
  /** Whether the hub has no `/metrics`. */
  readonly areMissing: boolean
  /** Shows the round trip of a ping. */
  showRoundTrip(ms: number): void
}

/** Creates the figures. @param ping - pings the page's own client */
export function createFigures(ping: () => unknown): Figures {
  const connections = createChart(byId('connections', HTMLElement))
  const deliveries = createRate(createChart(byId('deliveries', HTMLElement)))
  const queued = createChart(byId('queued', HTMLElement), formatBytes)
  const journal = createChart(byId('journal', HTMLElement))
  const card = byId('round-trip', HTMLElement)
  const roundTrip = createChart(card, (ms) => `${Number(ms.toPrecision(2))} ms`)
  card.append(createButton('Ping yourself', 'link', ping))
  let areMissing = false

  return {
    get areMissing() {
      return areMissing
    },
    show,
    showRoundTrip: (ms) => roundTrip.add(ms, performance.now()),
  }

  function show(result: ApiResult): void {
    if (!result.ok && result.status === 404) areMissing = true
    const now = performance.now()
    const text = result.ok && !areMissing ? result.text : ''
    const value = (name: string) => metric(text, `hono_sse_${name}`)
    const about = (count: number | undefined, words: (count: number) => string) =>
      count === undefined ? '' : words(count)
    connections.add(value('connections'), now)
    connections.about(about(value('clients'), (count) => plural(count, 'client')))
    deliveries.add(value('deliveries_total'), now)
    deliveries.about(
      about(value('publishes_total'), (count) => `${plural(count, 'event')} published`),
    )
    queued.add(value('queued_bytes'), now)
    queued.about(
      about(value('stalled_connections'), (count) => `${plural(count, 'stalled stream')}`),
    )
    journal.add(value('journal_events'), now)
    const parts = [
      about(value('journal_bytes'), formatBytes),
      about(value('journal_max_bytes'), (bound) => ` of ${formatBytes(bound)}`),
      about(value('journal_evicted_total'), (count) => ` · ${count.toLocaleString()} evicted`),
    ]
    journal.about(parts.join(''))
    const problem = result.ok ? '' : `Metrics are unavailable. ${result.problem}`
    setText(byId('figures-note', HTMLElement), areMissing ? NO_METRICS : problem)
  }
}

const NO_METRICS = 'Metrics are unavailable: this hub has no /metrics.'

/** Shows the rate of a counter in a chart. */
function createRate(chart: Chart): Chart {
  let last: { readonly total: number; readonly at: number } | undefined
  return {
    add: (total, at) => {
      const rate =
        last && total !== undefined ? perSecond(last.total, total, at - last.at) : undefined
      chart.add(rate, at)
      last = total === undefined ? undefined : { total, at }
    },
    about: chart.about,
  }
}
