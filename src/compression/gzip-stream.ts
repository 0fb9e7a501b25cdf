/** A stream in the gzip format: it is written to uncompressed. */
import type { CompressedStream, EventStream, FrameList } from '../core/event-stream.ts'
import { joinCrc } from './crc.ts'
import { GZIP_HEADER, type GzipPart, gzipTrailer, store } from './gzip.ts'

/** Compresses frames, or returns how they were compressed for another stream. */
export type CompressFrames = (frames: FrameList) => GzipPart

/** The uncompressed side of a stream. It is a class, so that many thousands of streams share one set of methods. */
export class GzipStream implements CompressedStream {
  readonly #stream: EventStream
  readonly #compressFrames: CompressFrames
  #started = false
  /** Compressed. */
  #writtenBytes = 0
  /** Of everything that was written, before it was compressed. */
  #crc = 0
  #size = 0

  constructor(stream: EventStream, compressFrames: CompressFrames) {
    this.#stream = stream
    this.#compressFrames = compressFrames
  }

  get aborted(): boolean {
    return this.#stream.aborted
  }

  /** Of the compressed bytes. */
  get unsentBytes(): number | undefined {
    return this.#stream.unsentBytes
  }

  get writtenBytes(): number {
    return this.#stream.writtenBytes ?? this.#writtenBytes
  }

  write(bytes: Uint8Array): PromiseLike<unknown> | undefined {
    return this.#writePart(store(bytes))
  }

  writeFrames(frames: FrameList): PromiseLike<unknown> | undefined {
    return this.#writePart(this.#compressFrames(frames))
  }

  onAbort(listener: () => void): void {
    this.#stream.onAbort(listener)
  }

  abort(): void {
    this.#stream.abort()
  }

  finish(): void {
    if (this.aborted) return
    const sent = this.#send(gzipTrailer(this.#crc, this.#size))
    // The stream ends in any case.
    sent?.then(undefined, () => {})
  }

  #writePart({ bytes, size, crc, shift }: GzipPart): PromiseLike<unknown> | undefined {
    this.#crc = joinCrc(this.#crc, crc, shift)
    this.#size = (this.#size + size) >>> 0
    return this.#send(bytes)
  }

  #send(bytes: Uint8Array): PromiseLike<unknown> | undefined {
    const all = this.#started ? bytes : afterHeader(bytes)
    this.#started = true
    this.#writtenBytes += all.byteLength
    return this.#stream.write(all)
  }
}

function afterHeader(bytes: Uint8Array): Uint8Array {
  const first = new Uint8Array(GZIP_HEADER.byteLength + bytes.byteLength)
  first.set(GZIP_HEADER)
  first.set(bytes, GZIP_HEADER.byteLength)
  return first
}
