/** Reads text from the hub: the body of a stream, and JSON. */
import { parseData } from '../core/declared-events.ts'

/** Passes the text of a body on, until it ends or the signal is aborted. @throws when the connection is lost */
export async function readText(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  // An app's own `fetch` may not know the signal.
  signal.addEventListener('abort', () => void reader.cancel().catch(() => {}))
  for (;;) {
    const { done, value } = await reader.read()
    if (done || signal.aborted) return
    onText(decoder.decode(value, { stream: true }))
  }
}

/** Returns the fields of an object in JSON; none of those that an object of the hub has if the text is something else. */
export function jsonFields(text: string): Readonly<Record<string, unknown>> {
  return Object(parseData(text))
}

/** Whether a value is a string. */
export function isText(value: unknown): value is string {
  return typeof value === 'string'
}
