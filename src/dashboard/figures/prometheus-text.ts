/** Reads metrics in Prometheus' text format. https://prometheus.io/docs/instrumenting/exposition_formats/ */

/** Returns the value of a metric, summed over its labels; undefined if it is missing. Workers that report a journal share it. */
export function metric(text: string, name: string): number | undefined {
  const lines = [...text.matchAll(new RegExp(`^${name}(\\{.*\\})? (\\S+)`, 'gm'))]
  if (lines.length === 0) return undefined
  const values = lines.map(([, , value]) => Number(value))
  const isShared = name.includes('_journal_') && lines[0]?.[1]?.includes('worker="')
  return isShared ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0)
}

/** Formats bytes: "512 B", "1.5 kB". */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = bytes < 1_000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1_000 ** step
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${units[step]}`
}

/** Computes the rate of a counter per second. After a restart of the hub, the counter starts at 0 again. */
export function perSecond(from: number, to: number, elapsedMs: number): number {
  const increase = to >= from ? to - from : to
  return (increase * 1_000) / elapsedMs
}
