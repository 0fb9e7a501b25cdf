/** A card with a figure, its chart over the last three minutes, and the scale of the chart. */
import { createElement, setText } from '../elements.ts'
import { pathsOf, type Sample, SPAN_MS, scaleOf, startOf } from './chart-scale.ts'

const SVG = 'http://www.w3.org/2000/svg'

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

/** The card. */
export interface Chart {
  /** Shows the current value; without one, `–`. @param at - the time in milliseconds, by `performance` */
  add(value: number | undefined, at: number): void
  /** Shows a text below the value. */
  about(text: string): void
}

/** Fills a card. @param format - formats the value, and the end of the scale */
export function createChart(
  card: Element,
  format: (value: number) => string = (value) => numbers.format(value),
): Chart {
  const value = createElement('p', '–', 'value')
  const about = createElement('p', '', 'about')
  const plot = createElement('div', '', 'plot')
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 300 40')
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  const [area, line] = [addPath('area'), addPath('line')]
  const [top, zero, span] = ['top', 'zero', 'span'].map((name) => {
    const text = createElement('span', '', name)
    plot.append(text)
    return text
  })
  plot.prepend(svg)
  card.append(value, about, plot)
  let samples: Sample[] = []

  return {
    add: (sample, at) => {
      if (sample !== undefined) samples.push({ at, value: sample })
      samples = samples.filter((one) => one.at >= at - SPAN_MS)
      setText(value, sample === undefined ? '–' : format(sample))
      draw(at)
    },
    about: (text) => setText(about, text),
  }

  function addPath(name: string): SVGPathElement {
    const path = document.createElementNS(SVG, 'path')
    path.setAttribute('class', name)
    svg.append(path)
    return path
  }

  function draw(now: number): void {
    const start = startOf(samples, now)
    const scale = scaleOf(samples)
    const paths = pathsOf(samples, start, scale)
    line.setAttribute('d', paths.line)
    area.setAttribute('d', paths.area)
    const texts = samples.length > 0 ? [format(scale), '0', `${SPAN_MS / 60_000} min`] : []
    for (const [index, element] of [top, zero, span].entries()) {
      if (element) setText(element, texts[index] ?? '')
    }
  }
}
