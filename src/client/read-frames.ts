/** Reads the frames of an event stream, with the topic that the hub names in a comment. */
import { createParser } from 'eventsource-parser'
import type { Gap, ReceivedEvent } from './stream-types.ts'

/** Receives what a stream carries. */
export interface FrameHandlers {
  /** Called when bytes have arrived; returns false to stop reading. */
  bytes(): boolean
  retry(ms: number): void
  frame(frame: ReceivedEvent): void
}

/** Reads a body to its end, or until the signal is aborted. @throws when the connection is lost */
export async function readFrames(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  { bytes, retry, frame }: FrameHandlers,
): Promise<void> {
  let topic: string | undefined
  const parser = createParser({
    onComment: (comment) => {
      if (comment.startsWith('topic ')) topic = comment.slice(6)
    },
    onRetry: retry,
    onEvent: ({ id, event = 'message', data }) => {
      frame({ id: id || undefined, event, data, topic })
      topic = undefined
    },
  })
  const decoder = new TextDecoder()
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || !bytes()) return
      parser.feed(decoder.decode(value, { stream: true }))
    }
  } finally {
    cancel()
  }
}

/** Parses the data of a control event; no fields if its data is not an object. */
export function controlData({ data }: ReceivedEvent): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(data)
    return typeof fields === 'object' && fields !== null ? { ...fields } : {}
  } catch {
    return {}
  }
}

/** Reads the data of `hub:gap`. */
export function toGap(frame: ReceivedEvent): Gap {
  const { reason, earliest } = controlData(frame)
  return {
    reason: reason === 'evicted' ? 'evicted' : 'epoch',
    earliest: typeof earliest === 'string' ? earliest : null,
  }
}
