/** An EventSource by the letter of the standard, on bytes that may end anywhere. */
import type { ReceivedEvent } from './oracle.ts'

/** The state of one EventSource, which outlives its streams. */
export interface EventSourceState {
  /** What it sends as `Last-Event-ID`; empty for nothing. */
  lastEventId: string
  /** Milliseconds before it reconnects. */
  retryMs: number
}

/** One stream of it. */
export interface StreamParser {
  /** Parses more bytes. An event without its empty line is never dispatched. */
  push(bytes: Uint8Array): void
}

/**
 * Parses one stream.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createStreamParser(
  state: EventSourceState,
  onEvent: (event: Omit<ReceivedEvent, 'at'>) => void,
): StreamParser {
  const decoder = new TextDecoder()
  let rest = ''
  // Browsers keep the last id for the next stream; the standard's text begins with an empty one.
  let idBuffer = state.lastEventId
  let id: string | undefined
  let event = ''
  let data: string[] = []
  return { push }

  function push(bytes: Uint8Array): void {
    rest += decoder.decode(bytes, { stream: true })
    // A CR at the end may be the first half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) parseLine(line)
  }

  function parseLine(line: string): void {
    if (line === '') {
      dispatch()
      return
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') data.push(value)
    else if (field === 'event') event = value
    else if (field === 'retry' && /^\d+$/.test(value)) state.retryMs = Number(value)
    else if (field === 'id' && !value.includes('\0')) idBuffer = id = value
  }

  function dispatch(): void {
    state.lastEventId = idBuffer
    if (data.length > 0) onEvent({ id, event: event || 'message', data: data.join('\n') })
    id = undefined
    event = ''
    data = []
  }
}
