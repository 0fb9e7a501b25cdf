/** Live charts of the hub's metrics, over the last three minutes. */

/** A value and when it was measured, in milliseconds. */
interface Sample {
  readonly at: number
  readonly value: number
}

/** The time span of a chart. */
const SPAN_MS = 180_000

/** Samples further apart than this are not connected: there was no measurement in between. */
const MAX_INTERVAL_MS = 10_000

const WIDTH = 300
const HEIGHT = 40

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

/** Adds the current value of a metric to a chart. @param at - the time in milliseconds */
export type AddSample = (value: number | undefined, at: number) => void

/** Creates a chart of a gauge, which shows its values. */
export function createGauge(card: Element): AddSample {
  const parts = partsOf(card)
  const samples: Sample[] = []
  return (value, at) => {
    if (value !== undefined) samples.push({ at, value })
    while (samples[0] && samples[0].at < at - SPAN_MS) samples.shift()
    drawChart(parts, samples, value, at)
  }
}

/** Creates a chart of a counter, which shows its rate per second. */
export function createRate(card: Element): AddSample {
  const gauge = createGauge(card)
  let last: Sample | undefined
  return (total, at) => {
    gauge(last && total !== undefined ? perSecond(last, { at, value: total }) : undefined, at)
    last = total === undefined ? undefined : { at, value: total }
  }
}

/** Computes the rate of a counter. After a restart of the hub, the counter starts at 0 again. */
function perSecond(from: Sample, to: Sample): number {
  const increase = to.value >= from.value ? to.value - from.value : to.value
  return (increase * 1_000) / (to.at - from.at)
}

/**
 * Returns the value of a metric in Prometheus' text format, summed over its labels; undefined if it is missing.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function metric(text: string, name: string): number | undefined {
  const lines = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)`, 'gm'))]
  if (lines.length === 0) return undefined
  return lines.reduce((sum, [, value]) => sum + Number(value), 0)
}

function partsOf(card: Element) {
  return {
    value: card.querySelector('.value'),
    peak: card.querySelector('.peak'),
    line: card.querySelector('path'),
  }
}

function drawChart(
  { value, peak, line }: ReturnType<typeof partsOf>,
  samples: readonly Sample[],
  now: number | undefined,
  at: number,
): void {
  const top = Math.max(0, ...samples.map((sample) => sample.value))
  value?.replaceChildren(now === undefined ? '–' : numbers.format(now))
  peak?.replaceChildren(samples.length > 0 ? `3 min peak: ${numbers.format(top)}` : '')
  line?.setAttribute('d', pathOf(samples, at - SPAN_MS, top))
}

/** Returns the SVG path of the samples since `start`, interrupted where there was no measurement. */
function pathOf(samples: readonly Sample[], start: number, top: number): string {
  const points = samples.map(({ at, value }, index) => {
    const before = samples[index - 1]
    const isConnected = before !== undefined && at - before.at < MAX_INTERVAL_MS
    const x = ((at - start) / SPAN_MS) * WIDTH
    const y = HEIGHT - (value / (top || 1)) * HEIGHT
    return `${isConnected ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`
  })
  return points.join('')
}
