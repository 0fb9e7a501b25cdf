/**
 * Metrics in the text format of Prometheus. This is not prom-client, because that loads `cluster`,
 * `fs` and `os`, which Workers lack.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
import type { Histogram } from '../hub/metrics.ts'

/** The media type of the format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The values of a metric: one number, or one for each value of a label. Undefined: the metric is omitted. */
export type Values =
  | number
  | undefined
  | { readonly label: string; readonly values: Iterable<readonly [string, number]> }

/** A metric that goes up and down. */
export function gauge(name: string, help: string, values: Values): string {
  return family(name, 'gauge', help, values)
}

/** A metric that only grows until the process ends. */
export function counter(name: string, help: string, values: Values): string {
  return family(name, 'counter', help, values)
}

/** The distribution of observed values, in seconds. @param observed - in milliseconds */
export function histogram(name: string, help: string, observed: Histogram): string {
  const { bounds, counts, sum } = observed
  let count = 0
  const buckets = counts.map((times, i): [string, number] => {
    count += times
    return [i < bounds.length ? String((bounds[i] ?? 0) / 1_000) : '+Inf', count]
  })
  return [
    head(name, 'histogram', help),
    samples(`${name}_bucket`, { label: 'le', values: buckets }),
    samples(`${name}_sum`, sum / 1_000),
    samples(`${name}_count`, count),
  ].join('')
}

/** Adds a label to every sample of a text. */
export function labelled(text: string, label: string, value: string): string {
  return text.replace(SAMPLE, (_, name: string, labels = '') => {
    return `${name}{${label}="${value}"${labels && `,${labels}`}} `
  })
}

/** The name and the labels of a sample. */
const SAMPLE = /^(\w+)(?:\{(.*)\})? /gm

/** Merges texts with the same metrics, so that each metric is described once. */
export function merged(texts: readonly string[]): string {
  const families = new Map<string, string>()
  for (const text of texts) {
    for (const [, description = '', lines = ''] of text.matchAll(FAMILY)) {
      families.set(description, (families.get(description) ?? '') + lines)
    }
  }
  return [...families].map(([description, lines]) => description + lines).join('')
}

/** The description of a metric, and its samples, of which there may be none. */
const FAMILY = /((?:^# HELP .*\n)?(?:^#(?! HELP ).*\n)*)((?:^[^#].*\n)*)/gm

function family(name: string, type: string, help: string, values: Values): string {
  return values === undefined ? '' : head(name, type, help) + samples(name, values)
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function samples(name: string, values: NonNullable<Values>): string {
  if (typeof values === 'number') return `${name} ${values}\n`
  const lines = [...values.values].map(
    ([is, value]) => `${name}{${values.label}="${is}"} ${value}\n`,
  )
  return lines.join('')
}
