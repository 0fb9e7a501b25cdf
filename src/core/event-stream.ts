/** The transport of a stream: the hub writes bytes to it and is notified when it ends. */

/** The part of Hono's streaming API that the hub needs. The opener closes it when the promise of `run` settles. */
export interface EventStream {
  /** Whether the stream has already ended. Abort listeners are then no longer called. */
  readonly aborted: boolean
  /**
   * Writes bytes. If it returns a promise, the transport is busy: the caller MUST NOT write again until
   * the promise resolves.
   */
  write(bytes: Uint8Array): PromiseLike<unknown> | undefined
  /**
   * The number of written bytes that the client’s socket has not accepted yet, as far as the transport
   * knows. A reader is slow when this number stops changing: a transport SHOULD hand over a large write
   * in slices. @defaultValue all bytes of a write that is not accepted yet
   */
  readonly unsentBytes?: number | undefined
  /** Adds a listener that is called when the client disconnects. */
  onAbort(listener: () => void): void
  /** Ends the stream at once and drops unsent bytes. */
  abort(): void
}
