/** Slices: hands large writes to a socket or an HTTP/2 stream piece by piece. */
import type { Writable } from 'node:stream'

/**
 * Bytes that the transport gets at a time. It takes a write as a whole, and a slow reader must be seen to
 * read. With HTTP/2, what it holds also counts against the memory of the session.
 */
export const SLICE_BYTES: { readonly http1: number; readonly http2: number } = {
  http1: 16_384,
  http2: 8_192,
}

/** Writes large buffers in slices, each when the one before was taken. */
export class Slicer {
  readonly #to: Writable
  readonly #sliceBytes: number
  #restBytes = 0

  constructor(to: Writable, sliceBytes: number) {
    this.#to = to
    this.#sliceBytes = sliceBytes
  }

  get unsentBytes(): number {
    return this.#restBytes > 0 ? this.#restBytes : this.#to.writableLength
  }

  write(bytes: Uint8Array): Promise<unknown> | undefined {
    if (bytes.byteLength > this.#sliceBytes) return this.#writeSlices(bytes)
    if (this.#to.write(bytes)) return undefined
    return new Promise((resolve) => this.#to.once('drain', resolve))
  }

  async #writeSlices(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += this.#sliceBytes) {
      this.#restBytes = bytes.byteLength - at
      await this.#writeSlice(bytes.subarray(at, at + this.#sliceBytes))
    }
    this.#restBytes = 0
  }

  #writeSlice(slice: Uint8Array): Promise<void> | undefined {
    let taken: (error?: Error | null) => void = () => {}
    this.#to.write(slice, (error) => taken(error))
    // The kernel usually takes a slice at once.
    if (this.#to.writableLength === 0) return undefined
    return new Promise((resolve, reject) => {
      taken = (error) => (error ? reject(error) : resolve())
    })
  }
}
