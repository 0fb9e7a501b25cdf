/**
 * Events: how they are validated and encoded as frames of an event stream.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
import { HubError } from './errors.ts'

/** An event to publish. */
export interface EventInput {
  /** A string is sent as it is (CR, CRLF and LF all arrive as LF); any other value is sent as JSON. */
  readonly data: unknown
  /** The event's name, for `addEventListener`. @defaultValue none: `onmessage` receives the event */
  readonly event?: string | undefined
  /** If true, only current connections receive the event; the journal does not store it. @defaultValue `false` */
  readonly ephemeral?: boolean | undefined
}

/** A validated event: its name is safe in a frame, and its data is text within the size limit. */
export interface HubEvent {
  readonly event?: string | undefined
  /** The topic that the event was published to, if that was its only address. */
  readonly topic?: string | undefined
  readonly data: string
}

/** The fields of one frame. */
export interface FrameFields extends HubEvent {
  readonly id?: string | undefined
  /** Milliseconds the client waits before it reconnects. */
  readonly retry?: number | undefined
}

/**
 * An event's name: 1 to 128 characters without control characters or lone surrogates. The prefix
 * `hub:` is reserved for control events, and EventSource fires its own `error` and `open`.
 */
export const EVENT_NAME: RegExp = /^(?!hub:|(?:error|open)$)[^\p{Cc}\p{Cs}]{1,128}$/u

/** The rule of {@link EVENT_NAME}, as error messages state it. */
export const EVENT_NAME_RULE =
  'must be 1 to 128 characters long, must not contain control characters or lone surrogates, must not start with "hub:", and must not be "error" or "open"'

/** The key of an event stream: 1 to 128 characters without control characters or lone surrogates. */
export const EVENT_KEY: RegExp = /^[^\p{Cc}\p{Cs}]{1,128}$/u

/** The rule of {@link EVENT_KEY}, as error messages state it. */
export const EVENT_KEY_RULE =
  'must be 1 to 128 characters long, and must not contain control characters or lone surrogates'

const LINE_BREAK = /\r\n|\r|\n/
const encoder = new TextEncoder()

/** Returns whether a publisher may use this event name. */
export function isEventName(name: string): boolean {
  return typeof name === 'string' && EVENT_NAME.test(name)
}

/**
 * Checks the fields of an event: a misspelt one would be left out of it in silence. Cheap, as every event is checked.
 * @throws {HubError} `invalid-event`
 */
export function checkFields(input: EventInput): void {
  if (typeof input !== 'object' || input === null) {
    throw new HubError('invalid-event', 'An event must be an object with data.')
  }
  for (const name of Object.keys(input)) {
    if (name === 'data' || name === 'event' || name === 'ephemeral') continue
    const message = `An event has no field ${JSON.stringify(name)}: use data, event and ephemeral.`
    throw new HubError('invalid-event', message)
  }
  if (input.ephemeral === undefined || typeof input.ephemeral === 'boolean') return
  throw new HubError('invalid-event', 'The field ephemeral of an event must be true or false.')
}

/**
 * Validates an event before it is stored or queued. The name of the topic MUST have been validated.
 * @throws {HubError} `invalid-event`, or `event-too-large` for more than `maxEventBytes` bytes of data.
 */
export function prepareEvent(input: EventInput, maxEventBytes: number, topic?: string): HubEvent {
  if (input.event !== undefined && !isEventName(input.event)) {
    throw new HubError('invalid-event', `An event's name ${EVENT_NAME_RULE}.`)
  }
  const data = toText(input.data)
  if (exceeds(data, maxEventBytes)) {
    throw new HubError(
      'event-too-large',
      `The data of an event is limited to ${maxEventBytes} bytes; each line break counts as 7. Send less data, or a URL to fetch it from.`,
    )
  }
  return { event: input.event, topic, data }
}

/** Returns the key if it is valid. @throws {HubError} `invalid-event` if it is not */
export function checkEventKey(key: string): string {
  if (typeof key === 'string' && EVENT_KEY.test(key)) return key
  throw new HubError('invalid-event', `A key ${EVENT_KEY_RULE}.`)
}

/**
 * Encodes one frame as bytes.
 * @throws {HubError} `invalid-event` if `id` or `event` could inject another field: the last line of defence.
 */
export function encodeFrame(fields: FrameFields): Uint8Array {
  return encoder.encode(frameText(fields))
}

/**
 * Encodes one frame as text. The topic goes into a comment, which parsers that don't know it ignore.
 * @throws {HubError} `invalid-event`
 */
export function frameText({ retry, id, topic, event, data }: FrameFields): string {
  let text = ''
  if (retry !== undefined) text += `retry: ${Math.round(retry)}\n`
  if (id !== undefined) text += `id: ${oneLine(id)}\n`
  if (topic !== undefined) text += `: topic ${oneLine(topic)}\n`
  if (event !== undefined) text += `event: ${oneLine(event)}\n`
  return `${text}data: ${data.split(LINE_BREAK).join('\ndata: ')}\n\n`
}

function toText(data: unknown): string {
  if (typeof data === 'string') {
    if (data.isWellFormed()) return data
    throw new HubError(
      'invalid-event',
      'The data contains a lone surrogate, which UTF-8 cannot encode.',
    )
  }
  try {
    const text = JSON.stringify(data)
    if (text !== undefined) return text
  } catch {
    // A cycle, a BigInt, or nesting deeper than the stack: the message below covers them all.
  }
  throw new HubError('invalid-event', 'The data must be a string or a value that JSON can encode.')
}

/** A line break takes seven bytes on the wire, so a frame of line breaks would otherwise exceed the limit. */
function exceeds(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true
  // A UTF-16 code unit takes at most seven bytes, so short texts fit without being encoded.
  if (text.length * 7 <= maxBytes) return false
  return encoder.encode(text.split(LINE_BREAK).join('\ndata: ')).byteLength > maxBytes
}

function oneLine(field: string): string {
  if (/[\r\n\0]/.test(field)) {
    throw new HubError(
      'invalid-event',
      'An id, a topic and an event name must be a single line without NUL.',
    )
  }
  return field
}
