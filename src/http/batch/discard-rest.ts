/** Reads the rest of a body and drops it, so that a client that sends everything before it reads gets to read. */
import type { Clock } from '../../core/clock.ts'

const MAX_BYTES = 67_108_864
const MAX_MS = 10_000

/** Reads a body to its end; cancels it if that takes more than 64 MiB or ten seconds. Never rejects. */
export async function discardRest(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  clock: Pick<Clock, 'every'>,
): Promise<void> {
  const cancel = () => reader.cancel().catch(() => {})
  const stop = clock.every(MAX_MS, cancel)
  try {
    for (let bytes = 0; bytes < MAX_BYTES; ) {
      const { done, value } = await reader.read()
      if (done) return
      bytes += value.byteLength
    }
    await cancel()
  } catch {
    // The client has left.
  } finally {
    stop()
  }
}
