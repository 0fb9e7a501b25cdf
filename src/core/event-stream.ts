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
  /** Adds a listener that is called when the client disconnects. */
  onAbort(listener: () => void): void
  /** Ends the stream at once, and drops what was not sent yet. */
  abort(): void
}
