/** Parses metrics in the text format of Prometheus. */

/** A sample by its name and labels: `hono_sse_gaps_total{reason="epoch"}`. */
export type Samples = ReadonlyMap<string, number>

/** The samples in a text. @throws for a duplicate, or a line that is not a sample */
export function samplesOf(text: string): Samples {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name = '', value = ''] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    if (name === '' || samples.has(name)) throw new Error(`Not a sample, or a second one: ${line}`)
    samples.set(name, Number(value))
  }
  return samples
}
