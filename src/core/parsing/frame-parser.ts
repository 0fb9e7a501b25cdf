/** Parses an event stream into frames, with what the hub says of them in comments. */

/** An event as a stream carries it. */
export interface ParsedEvent {
  /** Its id; undefined if it has none or an empty one. */
  readonly id?: string | undefined
  /** Its name; `message` if it has none. */
  readonly event: string
  readonly data: string
  /** The topic that the hub names. */
  readonly topic?: string | undefined
  /** Its key, if it has one. */
  readonly key?: string | undefined
  /** True if it is retained. */
  readonly retained?: true | undefined
}

/** A line: what the hub says in a comment, or the name of a field; and a value. */
const LINE = /^(?:: ?(topic|key|retained)(?= |$)|([^:]*):?) ?(.*)/s

/** Characters of a frame that are kept until it is complete: an endless line must not fill the memory. */
export const MAX_FRAME_LENGTH: number = 2 ** 24

/**
 * Returns a function that takes the text of the stream, piece by piece, and throws a `RangeError` when a
 * frame is too long.
 * @param onRetry - receives milliseconds
 * @param maxLength - the maximum number of characters of a frame
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createFrameParser(
  onFrame: (frame: ParsedEvent) => void,
  onRetry: (ms: number) => void,
  maxLength: number = MAX_FRAME_LENGTH,
): (text: string) => void {
  let rest = ''
  let endsWithCr = false
  let fields: Record<string, string | undefined> = {}
  let data: string[] = []
  let length = 0
  return (text) => {
    // LF may be the second half of CRLF.
    const lines = (endsWithCr ? text.replace(/^\n/, '') : text).split(/\r\n?|\n/)
    if (text) endsWithCr = text.endsWith('\r')
    lines[0] = rest + lines[0]
    rest = lines.pop() as string
    lines.forEach(readLine)
    if (length + rest.length > maxLength) throw new RangeError('An event was too long.')
  }

  function readLine(line: string): void {
    const [, note, name, value] = LINE.exec(line) as unknown as [string, string, string, string]
    if (name === 'data') {
      data.push(value)
      length += line.length
    } else if (note || name === 'event' || (name === 'id' && !value.includes('\0'))) {
      fields[note ?? name] = value
    } else if (name === 'retry' && /^\d+$/.test(value)) onRetry(Number(value))
    if (line) return
    const { id, event, topic, key, retained } = fields
    if (data.length > 0) {
      onFrame({
        id: id || undefined,
        event: event || 'message',
        data: data.join('\n'),
        topic,
        key: key || undefined,
        retained: retained === '' || undefined,
      })
    }
    fields = {}
    data = []
    length = 0
  }
}
