/** Reads a stream as a client would: bytes in, events out, with a third-party parser. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** A listener that waits for events rather than for time. */
export interface Reader {
  /** Every event received so far. */
  readonly events: EventSourceMessage[]
  /** The retry times received, in milliseconds. */
  readonly retries: number[]
  /** Whether the server has ended the stream. */
  readonly ended: boolean
  /** The first unread event that matches; rejects after `timeoutMs`. */
  next(
    matches?: (event: EventSourceMessage) => boolean,
    timeoutMs?: number,
  ): Promise<EventSourceMessage>
  /** Resolves when the server has ended the stream. */
  end(timeoutMs?: number): Promise<void>
  /** Disconnects. */
  close(): Promise<void>
}

const TIMEOUT_MS = 60_000

/** Begins to read the body of a response. */
export function readEvents(response: Response): Reader {
  if (!response.body) throw new Error('The response has no body.')
  const body = response.body.getReader()
  const events: EventSourceMessage[] = []
  const retries: number[] = []
  let looked = 0
  let ended = false
  let wake: () => void = () => {}
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onRetry: (ms) => retries.push(ms),
  })
  void pump()

  return {
    events,
    retries,
    get ended() {
      return ended
    },
    next,
    end,
    close: () => body.cancel().catch(() => {}),
  }

  async function pump(): Promise<void> {
    const decoder = new TextDecoder()
    try {
      for (;;) {
        const { done, value } = await body.read()
        if (done) break
        parser.feed(decoder.decode(value, { stream: true }))
        wake()
      }
    } catch {
      // The connection was cut, which a client treats like any other end.
    }
    ended = true
    wake()
  }

  async function next(
    fits: (event: EventSourceMessage) => boolean = () => true,
    timeoutMs = TIMEOUT_MS,
  ): Promise<EventSourceMessage> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      while (looked < events.length) {
        const event = events[looked++]
        if (event && fits(event)) return event
      }
      if (ended) throw new Error(`The stream ended without it: ${JSON.stringify(events.slice(-3))}`)
      await change(deadline)
    }
  }

  async function end(timeoutMs = TIMEOUT_MS): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (!ended) await change(deadline)
  }

  async function change(deadline: number): Promise<void> {
    const left = deadline - Date.now()
    if (left <= 0) throw new Error(`Nothing came in time: ${JSON.stringify(events.slice(-3))}`)
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      wake = resolve
      timer = setTimeout(resolve, left)
    })
    clearTimeout(timer)
  }
}
