/** The transport of a stream, as the hub uses it: bytes go in, and an end comes out. */

/** The part of Hono's streaming API that the hub needs. An opener closes it once the promise of `run` is settled. */
export interface EventStream {
  /** Whether the stream has ended already, so that abort listeners are no longer called. */
  readonly aborted: boolean
  /**
   * Writes bytes. If it returns a promise, the transport accepts more once it resolves: MUST NOT be
   * called before that.
   */
  write(bytes: Uint8Array): PromiseLike<unknown> | undefined
  /**
   * How many of the written bytes the client’s socket has not taken yet, as far as the transport can
   * tell: a reader is slow when this number stands still. A transport SHOULD take a large write in
   * slices, so that the number moves. @defaultValue all bytes of a write that is not accepted yet
   */
  readonly unsentBytes?: number | undefined
  /** Adds a listener that is called when the client disconnects. */
  onAbort(listener: () => void): void
  /** Ends the stream at once, and drops what was not sent yet. */
  abort(): void
}
