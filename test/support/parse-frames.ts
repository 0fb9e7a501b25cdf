/** Parses encoded frames with a third-party parser, which reports every fault. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** The events and retry delays in consecutive pieces of a stream. @throws for what no client could parse */
export function parseFrames(...pieces: readonly Uint8Array[]): {
  readonly events: EventSourceMessage[]
  readonly retries: number[]
} {
  const events: EventSourceMessage[] = []
  const retries: number[] = []
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onRetry: (ms) => retries.push(ms),
    onError: (error) => {
      throw error
    },
  })
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (const piece of pieces) parser.feed(decoder.decode(piece, { stream: true }))
  parser.feed(decoder.decode())
  return { events, retries }
}
