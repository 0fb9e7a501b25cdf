/** Reads a stream for the doctor, and measures when its frames arrive. */

import type { ReceivedEvent } from '../../client/stream-types.ts'
import { createFrameParser } from '../../core/parsing/frame-parser.ts'

/** The name of the events that the doctor publishes. */
export const DOCTOR_EVENT = 'doctor'

/** A stream that is read. */
export interface StreamProbe {
  readonly hasEnded: boolean
  /** The longest time without a byte so far, in milliseconds. */
  readonly longestSilenceMs: number
  /** Resolves with the first frame that matches, also an earlier one; asks once for each frame; with undefined at the end, or when time is up. */
  find(matches: (frame: ReceivedEvent) => boolean, ms: number): Promise<ReceivedEvent | undefined>
  close(): Promise<void>
}

/** Starts to read the body of a response. */
export function probeStream({ body }: Response): StreamProbe {
  const frames: ReceivedEvent[] = []
  const waiting = new Set<() => void>()
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  let hasEnded = false
  let lastByteAt = performance.now()
  let longestSilenceMs = 0
  void read()
  return {
    get hasEnded() {
      return hasEnded
    },
    get longestSilenceMs() {
      return longestSilenceMs
    },
    find,
    close: () => reader.cancel().catch(() => {}),
  }

  async function read(): Promise<void> {
    const decoder = new TextDecoder()
    const parse = createFrameParser(onFrame, () => {})
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        measure()
        parse(decoder.decode(part.value, { stream: true }))
        notify()
      }
    } catch {
      // A stream that is cut in the middle is an end like any other.
    }
    measure()
    hasEnded = true
    notify()
  }

  /** Events of others, which may be many and large, are not kept. */
  function onFrame(frame: ReceivedEvent): void {
    if (frame.event === DOCTOR_EVENT || frame.event.startsWith('hub:')) frames.push(frame)
  }

  function measure(): void {
    const now = performance.now()
    longestSilenceMs = Math.max(longestSilenceMs, now - lastByteAt)
    lastByteAt = now
  }

  function notify(): void {
    for (const look of [...waiting]) look()
  }

  function find(
    matches: (frame: ReceivedEvent) => boolean,
    ms: number,
  ): Promise<ReceivedEvent | undefined> {
    return new Promise((resolve) => {
      let seen = 0
      const timer = setTimeout(() => settle(undefined), ms)
      waiting.add(look)
      look()

      function look(): void {
        const found = frames.slice(seen).find(matches)
        seen = frames.length
        if (found || hasEnded) settle(found)
      }

      function settle(found: ReceivedEvent | undefined): void {
        clearTimeout(timer)
        waiting.delete(look)
        resolve(found)
      }
    })
  }
}
