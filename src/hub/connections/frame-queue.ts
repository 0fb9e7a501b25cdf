/** A queue of frames as an immutable linked list, so that connections with equal queues share one buffer. */

import type { FrameList } from '../../core/event-stream.ts'

/**
 * The last node of a queue; `previous` is the queue without its last frame.
 * Events are published one at a time, so each node gets one new frame at a time: remembering the
 * latest node appended to it is enough for all connections with equal queues to share their nodes.
 */
export interface FrameQueue extends FrameList {
  readonly previous: FrameQueue | undefined
  /** The number of frames in the queue. */
  readonly length: number
  /** The number of bytes in the queue. */
  readonly byteLength: number
  /** The node that was appended to this one most recently. */
  latest: FrameQueue | undefined
  /** All frames in one buffer, once they were needed. */
  bytes: Uint8Array | undefined
}

/** Creates the empty queue, the root of all queues of one hub. */
export function emptyQueue(): FrameQueue {
  const frame = new Uint8Array(0)
  return {
    previous: undefined,
    frame,
    length: 0,
    byteLength: 0,
    latest: undefined,
    bytes: undefined,
  }
}

/** Returns the queue with one more frame. */
export function enqueue(queue: FrameQueue, frame: Uint8Array): FrameQueue {
  if (queue.latest?.frame !== frame) queue.latest = newNode(queue, frame)
  return queue.latest
}

/** Returns all frames of the queue in one buffer, which is created once for all connections. */
export function toBytes(queue: FrameQueue): Uint8Array {
  queue.bytes ??= queue.byteLength === queue.frame.byteLength ? queue.frame : concatenate(queue)
  return queue.bytes
}

function newNode(previous: FrameQueue, frame: Uint8Array): FrameQueue {
  const length = previous.length + 1
  const byteLength = previous.byteLength + frame.byteLength
  return { previous, frame, length, byteLength, latest: undefined, bytes: undefined }
}

function concatenate(queue: FrameQueue): Uint8Array {
  const bytes = new Uint8Array(queue.byteLength)
  for (let node: FrameQueue | undefined = queue; node; node = node.previous) {
    bytes.set(node.frame, node.byteLength - node.frame.byteLength)
  }
  return bytes
}
