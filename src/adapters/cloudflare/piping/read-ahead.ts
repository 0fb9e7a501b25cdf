/** Reads ahead: what arrives while a chunk is on its way to the shards becomes the next chunk, as each takes a round trip. */
import { MAX_BYTES_AT_ONCE } from '../../../hub/piping/turn.ts'

/** Reads the next chunk. */
export type ReadChunk = () => Promise<IteratorResult<Uint8Array, unknown>>

/**
 * Returns what reads the same bytes in fewer chunks. From its first call on, it is ahead by 64 KiB and a chunk at most.
 * @param maxBytes - the maximum length of a chunk. @defaultValue `65_536`
 */
export function readAhead(read: ReadChunk, maxBytes: number = MAX_BYTES_AT_ONCE): ReadChunk {
  let parts: Uint8Array[] = []
  let bytes = 0
  let end: ReadChunk | undefined
  let isReading = false
  let notify = () => {}
  return async () => {
    while (bytes === 0 && !end) {
      const arrival = new Promise<void>((resolve) => {
        notify = resolve
      })
      void fill()
      await arrival
    }
    if (bytes === 0 && end) return await end()
    const value = take()
    void fill()
    return { value }
  }

  async function fill(): Promise<void> {
    if (isReading) return
    isReading = true
    while (!end && bytes < MAX_BYTES_AT_ONCE) {
      try {
        const result = await read()
        if (result.done) {
          end = async () => result
        } else {
          parts.push(result.value)
          bytes += result.value.length
        }
      } catch (error) {
        end = () => Promise.reject(error)
      }
      notify()
    }
    isReading = false
  }

  function take(): Uint8Array {
    const taken = new Uint8Array(Math.min(bytes, maxBytes))
    const left: Uint8Array[] = []
    let at = 0
    for (const part of parts) {
      const fits = part.subarray(0, taken.length - at)
      taken.set(fits, at)
      at += fits.length
      if (fits.length < part.length) left.push(part.subarray(fits.length))
    }
    parts = left
    bytes -= taken.length
    return taken
  }
}
