/** Where the samples of a chart are: its time span fills from the left, and its scale ends at a round number. */

/** A value and when it was measured, in milliseconds. */
export interface Sample {
  readonly at: number
  readonly value: number
}

/** The time span of a chart in milliseconds. */
export const SPAN_MS = 180_000

/** The size of a chart in its own units. */
export const WIDTH = 300
/** See {@link WIDTH}. */
export const HEIGHT = 40

/** Samples further apart than this are not connected: there was no measurement in between. */
const MAX_INTERVAL_MS = 10_000

/** Returns when a chart starts: with its first sample, until it is full. */
export function startOf(samples: readonly Sample[], now: number): number {
  return Math.max(samples[0]?.at ?? now, now - SPAN_MS)
}

/** Returns the end of a scale: 1, 2 or 5 times a power of ten, not less than any value. */
export function scaleOf(samples: readonly Sample[]): number {
  const top = Math.max(0, ...samples.map(({ value }) => value))
  if (top === 0) return 1
  const power = 10 ** Math.floor(Math.log10(top))
  return ([1, 2, 5].find((step) => step * power >= top) ?? 10) * power
}

/** Returns the SVG path of samples, interrupted where there was no measurement, and that of the area below it. */
export function pathsOf(
  samples: readonly Sample[],
  start: number,
  scale: number,
): { readonly line: string; readonly area: string } {
  const points = samples.map(({ at, value }, index) => {
    const before = samples[index - 1]
    const isConnected = before !== undefined && at - before.at < MAX_INTERVAL_MS
    const x = (((at - start) / SPAN_MS) * WIDTH).toFixed(1)
    return { isConnected, x, y: (HEIGHT - (value / scale) * HEIGHT).toFixed(1) }
  })
  let line = ''
  let area = ''
  for (const [index, { isConnected, x, y }] of points.entries()) {
    line += `${isConnected ? 'L' : 'M'}${x} ${y}`
    area += isConnected ? `L${x} ${y}` : `M${x} ${HEIGHT}L${x} ${y}`
    // The ends of lines are round: a sample alone is a dot.
    if (!isConnected && !points[index + 1]?.isConnected) line += 'h0'
    if (!points[index + 1]?.isConnected) area += `V${HEIGHT}`
  }
  return { line, area }
}
