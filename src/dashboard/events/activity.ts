/** How many events arrived in each of the last 60 seconds, as bars. */
import { setText } from '../elements.ts'

const SECONDS = 60
const HEIGHT = 20

/** The bars. */
export interface Activity {
  /** Counts an event. */
  count(): void
}

/** Draws the bars into an element that has a path and a text. They fill from the left. */
export function createActivity(element: Element): Activity {
  const path = element.querySelector('path')
  const scale = element.querySelector('span')
  let counts = [0]
  setInterval(() => {
    counts = [...counts, 0].slice(-SECONDS)
    draw()
  }, 1_000)
  draw()
  return {
    count: () => {
      counts.push((counts.pop() ?? 0) + 1)
    },
  }

  function draw(): void {
    const top = Math.max(...counts)
    const bars = counts.map((count, x) => {
      const height = top > 0 ? Math.max(count > 0 ? 1.5 : 0, (count / top) * HEIGHT) : 0
      return height > 0
        ? `M${x + 0.15} ${HEIGHT}v-${height.toFixed(1)}h.7v${height.toFixed(1)}z`
        : ''
    })
    path?.setAttribute('d', bars.join(''))
    if (scale) setText(scale, top > 0 ? `up to ${top.toLocaleString()}/s` : '')
  }
}
