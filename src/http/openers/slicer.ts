/** Hands large writes to a socket or an HTTP/2 stream in slices. */

/**
 * The size of a slice in bytes. The transport reports a write only as a whole, and the progress of a slow
 * reader must be visible. With HTTP/2, pending slices also count against the memory of the session.
 */
export const SLICE_BYTES: { readonly http1: number; readonly http2: number } = {
  http1: 16_384,
  http2: 8_192,
}

/** The maximum number of slices that the transport may hold when it is handed another. */
const MAX_SLICES_IN_FLIGHT = 4

/** What the bytes are written to: a socket or an HTTP/2 stream of Node. */
export interface Outlet {
  /** Bytes that were written and not accepted yet. */
  readonly writableLength: number
  readonly destroyed: boolean
  write(bytes: Uint8Array, accepted?: (error?: Error | null) => void): boolean
  once(event: 'drain', listener: () => void): unknown
}

/** Writes large buffers in slices, a few at a time. */
export class Slicer {
  readonly #to: Outlet
  readonly #sliceBytes: number
  /** Bytes that the transport has not been handed yet. */
  #restBytes = 0

  constructor(to: Outlet, sliceBytes: number) {
    this.#to = to
    this.#sliceBytes = sliceBytes
  }

  get unsentBytes(): number {
    return this.#restBytes + this.#to.writableLength
  }

  write(bytes: Uint8Array): Promise<unknown> | undefined {
    if (bytes.byteLength > this.#sliceBytes) return this.#writeSlices(bytes)
    if (this.#to.write(bytes)) return undefined
    return new Promise<void>((resolve) => this.#to.once('drain', resolve))
  }

  async #writeSlices(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += this.#sliceBytes) {
      this.#restBytes = Math.max(0, bytes.byteLength - at - this.#sliceBytes)
      const accepted = this.#writeSlice(bytes.subarray(at, at + this.#sliceBytes))
      // With one slice at a time, a fast reader would wait for a turn of the event loop for each.
      if (this.#to.writableLength > this.#sliceBytes * MAX_SLICES_IN_FLIGHT) await accepted
      // The transport also reports a failure by closing.
      else accepted.catch(() => {})
    }
  }

  /** Resolves when the transport has accepted the slice. */
  #writeSlice(slice: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#to.write(slice, (error) => (error ? reject(error) : resolve()))
    })
  }
}
