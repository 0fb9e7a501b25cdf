/** Stored control requests: those that were sent before this hub connected, read in parts. */

/** A control request that is stored. */
export interface StoredRequest {
  /** Its body as JSON, or whatever another program has stored there. */
  readonly text: string
  /** Milliseconds until it expires. */
  readonly remainingMs: number
}

/**
 * Calls `onStored` with each stored request, those that expire first to begin with.
 * @param run - runs the script `STORED_REQUESTS` @param onProgress - called after each part
 */
export async function readStoredRequests(
  run: (args: readonly string[]) => Promise<unknown>,
  onStored: (stored: StoredRequest) => void,
  onProgress: () => void,
): Promise<void> {
  let last = ['', '0']
  for (;;) {
    const [now, ...found] = (await run(last)) as [number, ...string[]]
    if (found.length === 0) return
    for (let i = 0; i < found.length; i += 2) {
      onStored({ text: found[i] ?? '', remainingMs: Number(found[i + 1]) - now })
    }
    last = found.slice(-2)
    onProgress()
  }
}
