/** Live figures from the hub's metrics, each with its last minutes as a line. */

/** A number and when it was taken, in milliseconds. */
interface Sample {
  readonly at: number
  readonly value: number
}

/** How far back the lines go. */
const SPAN_MS = 180_000

/** Samples further apart than this are not joined: nobody looked in between. */
const APART_MS = 10_000

const WIDTH = 300
const HEIGHT = 40

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

/** Takes what a metric is now; `at` in milliseconds. */
export type Show = (value: number | undefined, at: number) => void

/** A figure that rises and falls: shows each value as it is. */
export function createGauge(card: Element): Show {
  const figure = partsOf(card)
  const samples: Sample[] = []
  return (value, at) => {
    if (value !== undefined) samples.push({ at, value })
    while (samples[0] && samples[0].at < at - SPAN_MS) samples.shift()
    show(figure, samples, value, at)
  }
}

/** A figure that only grows: shows by how much a second. */
export function createRate(card: Element): Show {
  const gauge = createGauge(card)
  let last: Sample | undefined
  return (total, at) => {
    gauge(last && total !== undefined ? perSecond(last, { at, value: total }) : undefined, at)
    last = total === undefined ? undefined : { at, value: total }
  }
}

/** A hub that began anew counts from 0 again. */
function perSecond(from: Sample, to: Sample): number {
  const more = to.value >= from.value ? to.value - from.value : to.value
  return (more * 1_000) / (to.at - from.at)
}

/**
 * A metric in Prometheus' text, summed over its labels; undefined if it is not there.
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
    most: card.querySelector('.most'),
    line: card.querySelector('path'),
  }
}

function show(
  { value, most, line }: ReturnType<typeof partsOf>,
  samples: readonly Sample[],
  now: number | undefined,
  at: number,
): void {
  const top = Math.max(0, ...samples.map((sample) => sample.value))
  value?.replaceChildren(now === undefined ? '–' : numbers.format(now))
  most?.replaceChildren(samples.length > 0 ? `most in 3 min: ${numbers.format(top)}` : '')
  line?.setAttribute('d', pathOf(samples, at - SPAN_MS, top))
}

/** A line through the samples, from `start` on, that breaks off where nobody looked. */
function pathOf(samples: readonly Sample[], start: number, top: number): string {
  const points = samples.map(({ at, value }, index) => {
    const before = samples[index - 1]
    const isJoined = before !== undefined && at - before.at < APART_MS
    const x = ((at - start) / SPAN_MS) * WIDTH
    const y = HEIGHT - (value / (top || 1)) * HEIGHT
    return `${isJoined ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`
  })
  return points.join('')
}
