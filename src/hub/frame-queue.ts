/** Queued frames as links of a chain, so that connections with the same queue share one buffer. */

/**
 * A queue that ends with `frame`; what waits before it is `before`.
 * Publishing goes event by event, so each link sees one new frame at a time: remembering the link
 * that was made last is enough for all connections with equal queues to hold the very same link.
 */
export interface FrameQueue {
  readonly before: FrameQueue | undefined
  readonly frame: Uint8Array
  /** Frames that wait, this one included. */
  readonly length: number
  /** Bytes from the first frame to this one. */
  readonly byteLength: number
  latest: FrameQueue | undefined
  bytes: Uint8Array | undefined
}

/** The empty queue, from which all chains of one hub grow. */
export function emptyQueue(): FrameQueue {
  const frame = new Uint8Array(0)
  return {
    before: undefined,
    frame,
    length: 0,
    byteLength: 0,
    latest: undefined,
    bytes: undefined,
  }
}

/** The queue with one more frame. */
export function enqueue(chain: FrameQueue, frame: Uint8Array): FrameQueue {
  if (chain.latest?.frame !== frame) chain.latest = newNode(chain, frame)
  return chain.latest
}

/** All frames of the queue in one buffer, made once however many connections ask. */
export function toBytes(chain: FrameQueue): Uint8Array {
  chain.bytes ??= chain.byteLength === chain.frame.byteLength ? chain.frame : concatenate(chain)
  return chain.bytes
}

function newNode(before: FrameQueue, frame: Uint8Array): FrameQueue {
  const length = before.length + 1
  const byteLength = before.byteLength + frame.byteLength
  return { before, frame, length, byteLength, latest: undefined, bytes: undefined }
}

function concatenate(chain: FrameQueue): Uint8Array {
  const bytes = new Uint8Array(chain.byteLength)
  for (let at: FrameQueue | undefined = chain; at; at = at.before) {
    bytes.set(at.frame, at.byteLength - at.frame.byteLength)
  }
  return bytes
}
