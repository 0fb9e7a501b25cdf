/** The transport of a stream: the hub writes bytes to it and is notified when it ends. */

/** Frames that are written together, as a linked list from the last to the first. */
export interface FrameList {
  /** The frames before the last one. Undefined in the empty list. */
  readonly previous: FrameList | undefined
  /** The last frame. */
  readonly frame: Uint8Array
}

/** Compresses streams, for clients that accept it. */
export interface Compression {
  /** Its name in `Accept-Encoding` and `Content-Encoding`. */
  readonly encoding: string
  /** Called with the frame of each event that is delivered: other frames, such as replayed ones, belong to one stream each. */
  offer(frame: Uint8Array): void
  /** Returns the uncompressed side of a stream. */
  compress(stream: EventStream): CompressedStream
}

/** A stream that is written to uncompressed. */
export interface CompressedStream extends EventStream {
  /** Completes the compressed data, unless the stream has ended. */
  finish(): void
}

/** The part of Hono's streaming API that the hub needs. */
export interface EventStream {
  /** Whether the stream has already ended. Abort listeners are then no longer called. */
  readonly aborted: boolean
  /**
   * Writes bytes. If it returns a promise, the transport is busy: the caller MUST NOT write again until
   * the promise resolves.
   */
  write(bytes: Uint8Array): PromiseLike<unknown> | undefined
  /** Writes queued frames under the same rule, for streams that encode each frame. @defaultValue `write` with their bytes */
  writeFrames?(frames: FrameList): PromiseLike<unknown> | undefined
  /**
   * The number of written bytes that the client’s socket has not accepted yet, as far as the transport
   * knows. A reader is slow when this number stops changing: a transport SHOULD hand over a large write
   * in slices. @defaultValue all bytes of a write that is not accepted yet
   */
  readonly unsentBytes?: number | undefined
  /**
   * The number of all bytes written so far, in the unit of `unsentBytes`, for transports that encode what they are given. @defaultValue the bytes that the hub has written
   */
  readonly writtenBytes?: number | undefined
  /** Adds a listener that is called when the client disconnects. */
  onAbort(listener: () => void): void
  /** Ends the stream at once and drops unsent bytes. */
  abort(): void
  /** Ends the stream after everything that was written. @defaultValue whoever opened it waits for the end of its connection */
  end?(): void
}
