/**
 * Events and their bytes on the wire.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
import { HubError } from './errors.ts'

/** What a publisher hands in. */
export interface EventInput {
  /** A string goes out as it is (CR, CRLF and LF all arrive as LF); anything else as JSON. */
  readonly data: unknown
  /** The event's name, for `addEventListener`. @defaultValue none: `onmessage` gets it */
  readonly event?: string | undefined
  /** True: whoever is connected gets it, the journal does not. @defaultValue `false` */
  readonly ephemeral?: boolean | undefined
}

/** An event that may be sent: its name is safe in a frame, its data is text within its bound. */
export interface HubEvent {
  readonly event?: string | undefined
  readonly data: string
}

/** The fields of one frame. */
export interface FrameFields extends HubEvent {
  readonly id?: string | undefined
  /** Milliseconds that the client waits before it reconnects. */
  readonly retry?: number | undefined
}

/**
 * An event's name: 1 to 128 characters, none a control character, none half a surrogate pair; `hub:`
 * is the hub's own, and EventSource keeps `error` and `open`.
 */
export const EVENT_NAME: RegExp = /^(?!hub:|(?:error|open)$)[^\p{Cc}\p{Cs}]{1,128}$/u

/** The rule of {@link EVENT_NAME} in words. */
export const EVENT_NAME_RULE =
  'must have 1 to 128 characters, without control characters and lone surrogates, and be neither "error" nor "open" nor begin with "hub:"'

const LINE_BREAK = /\r\n|\r|\n/
const encoder = new TextEncoder()

/** Whether a publisher may use this name. */
export function isEventName(name: string): boolean {
  return typeof name === 'string' && EVENT_NAME.test(name)
}

/**
 * Makes sure that an event can be sent, before anything is stored or queued.
 * @throws {HubError} `invalid-event`, or `event-too-large` for over `maxEventBytes` bytes of data.
 */
export function prepareEvent(input: EventInput, maxEventBytes: number): HubEvent {
  if (input.event !== undefined && !isEventName(input.event)) {
    throw new HubError('invalid-event', `An event's name ${EVENT_NAME_RULE}.`)
  }
  const data = toText(input.data)
  if (exceeds(data, maxEventBytes)) {
    throw new HubError(
      'event-too-large',
      `An event may carry ${maxEventBytes} bytes of data, where each line break counts 7: send less, or where to fetch it.`,
    )
  }
  return { event: input.event, data }
}

/**
 * One frame, ready for the wire.
 * @throws {HubError} `invalid-event` when `id` or `event` could forge a field: the last wall.
 */
export function encodeFrame(fields: FrameFields): Uint8Array {
  return encoder.encode(frameText(fields))
}

/** The same as text. @throws {HubError} `invalid-event` */
export function frameText({ retry, id, event, data }: FrameFields): string {
  let text = ''
  if (retry !== undefined) text += `retry: ${Math.round(retry)}\n`
  if (id !== undefined) text += `id: ${oneLine(id)}\n`
  if (event !== undefined) text += `event: ${oneLine(event)}\n`
  return `${text}data: ${data.split(LINE_BREAK).join('\ndata: ')}\n\n`
}

function toText(data: unknown): string {
  if (typeof data === 'string') {
    if (data.isWellFormed()) return data
    throw new HubError(
      'invalid-event',
      'The data holds a lone surrogate, which UTF-8 cannot carry.',
    )
  }
  try {
    const text = JSON.stringify(data)
    if (text !== undefined) return text
  } catch {
    // A circle, a BigInt, or nesting deeper than the stack: the message below fits them all.
  }
  throw new HubError('invalid-event', 'The data must be a string, or what JSON can express.')
}

/** A line break costs seven bytes on the wire: a frame of nothing else would burst its bound. */
function exceeds(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true
  // A UTF-16 unit takes seven bytes at the most, so that most texts need no count.
  if (text.length * 7 <= maxBytes) return false
  return encoder.encode(text.split(LINE_BREAK).join('\ndata: ')).byteLength > maxBytes
}

function oneLine(field: string): string {
  if (/[\r\n\0]/.test(field)) {
    throw new HubError('invalid-event', 'An id and an event name must be one line without NUL.')
  }
  return field
}
