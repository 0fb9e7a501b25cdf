/** A transport that tests control: it accepts bytes, stalls, fails or disconnects on demand. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { EventStream } from '../../src/core/event-stream.ts'

/** What a write does: succeeds at once, waits until `resume`, or fails with one kind of error. */
type WriteBehaviour = 'ready' | 'stalled' | 'throws' | 'rejects'

/** A stream with the client's view of it: what has arrived, parsed by a third-party parser. */
export interface FakeStream extends EventStream {
  /** Events that the client has received. */
  readonly events: EventSourceMessage[]
  /** Retry times that the client has received, in milliseconds. */
  readonly retries: number[]
  /** Every buffer that was written, whether or not the client has received it. */
  readonly writes: Uint8Array[]
  /** What the hub did wrong on this stream. */
  readonly faults: string[]
  /** Whether the hub cut the stream off. */
  readonly cut: boolean
  /** What the transport says it still holds; undefined if it can’t tell. */
  unsentBytes: number | undefined
  /** From now on, writes wait. */
  stall(): void
  /** Accepts what was written meanwhile, and every later write. */
  resume(): void
  /** From now on, writes fail. */
  fail(how: 'throws' | 'rejects'): void
  /** The client disconnects in the middle of a write. */
  leave(): void
}

/** Creates a stream that accepts every write at once. */
export function fakeStream(): FakeStream {
  const events: EventSourceMessage[] = []
  const retries: number[] = []
  const writes: Uint8Array[] = []
  const faults: string[] = []
  const listeners: (() => void)[] = []
  const decoder = new TextDecoder()
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onRetry: (ms) => retries.push(ms),
    onError: (error) => faults.push(error.message),
  })
  let behaviour: WriteBehaviour = 'ready'
  let pending: { readonly bytes: Uint8Array; readonly accepted: () => void } | undefined
  let left = false
  let cut = false

  return {
    events,
    retries,
    writes,
    faults,
    get cut() {
      return cut
    },
    get aborted() {
      return left || cut
    },
    unsentBytes: undefined,
    write,
    onAbort: (listener) => void listeners.push(listener),
    abort,
    stall: () => {
      behaviour = 'stalled'
    },
    resume,
    fail: (how) => {
      behaviour = how
    },
    leave,
  }

  function write(bytes: Uint8Array): PromiseLike<unknown> | undefined {
    if (pending) faults.push('written to while busy')
    if (left || cut) faults.push('written to after its end')
    writes.push(bytes)
    if (behaviour === 'throws') throw new Error('The transport is broken.')
    if (behaviour === 'rejects') return Promise.reject(new Error('The transport is broken.'))
    if (behaviour === 'ready') return receive(bytes)
    return new Promise<void>((accepted) => {
      pending = { bytes, accepted }
    })
  }

  function resume(): void {
    behaviour = 'ready'
    const last = pending
    pending = undefined
    if (!last) return
    if (!left && !cut) receive(last.bytes)
    last.accepted()
  }

  function leave(): void {
    if (left || cut) return
    // A line may be cut anywhere: a partial line must do no harm.
    if (pending) receive(pending.bytes.subarray(0, pending.bytes.byteLength >> 1))
    left = true
    for (const listener of listeners) listener()
  }

  function abort(): void {
    if (left || cut) return
    cut = true
    for (const listener of listeners) listener()
  }

  function receive(bytes: Uint8Array): undefined {
    parser.feed(decoder.decode(bytes, { stream: true }))
  }
}
