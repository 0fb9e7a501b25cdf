/** Delays, kept until they are sorted. */

/** Enough for the longest scenario; what comes later is left out. */
const MAX_SAMPLES = 2_000_000

/** Delays in milliseconds. */
export interface Delays {
  add(ms: number): void
  clear(): void
  /** The median, the 99th percentile and the longest. */
  figures(): { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number }
}

/** Makes an empty collection. */
export function createDelays(): Delays {
  let samples = new Float64Array(4_096)
  let size = 0
  return { add, clear, figures }

  function add(ms: number): void {
    if (size >= MAX_SAMPLES) return
    if (size === samples.length) {
      const more = new Float64Array(size * 2)
      more.set(samples)
      samples = more
    }
    samples[size++] = ms
  }

  function clear(): void {
    size = 0
  }

  function figures(): { p50Ms: number; p99Ms: number; maxMs: number } {
    const sorted = samples.slice(0, size).sort()
    const at = (share: number) => sorted[Math.min(size - 1, Math.floor(size * share))] ?? 0
    return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
  }
}
