/** Reads a page of metrics, as far as tests look at it. */

/** A sample by its name and labels: `hono_sse_gaps_total{reason="epoch"}`. */
export type Samples = ReadonlyMap<string, number>

/** The samples of a page. @throws for a duplicate */
export function samplesOf(text: string): Samples {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name = '', value = ''] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    if (name === '' || samples.has(name)) throw new Error(`A line that can’t be: ${line}`)
    samples.set(name, Number(value))
  }
  return samples
}
