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
  /** What the event is about: 1 to 128 characters. @defaultValue none; with `replace` or `retain`, the address as a whole */
  readonly key?: string | undefined
  /**
   * If true, the event supersedes all earlier ones with its key at the same address: they are no longer replayed,
   * and that is no gap. @defaultValue `false`
   */
  readonly replace?: boolean | undefined
  /**
   * If true, the event replaces others, is not evicted with age, and is sent to each new stream of the address first. With
   * empty text as its data, it only removes the one that is retained. @defaultValue `false`
   */
  readonly retain?: boolean | undefined
}

/** A validated event: its name is safe in a frame, and its data is text within the size limit. */
export interface HubEvent {
  readonly event?: string | undefined
  /** The topic that the event was published to, if that was its only address. */
  readonly topic?: string | undefined
  /** Its key, which is empty for the address as a whole. Most events have none. */
  readonly key?: string | undefined
  /** Whether it supersedes earlier events with its key. */
  readonly replace?: boolean | undefined
  /** Whether it is stored until an event supersedes it. Then it also supersedes others. */
  readonly retain?: boolean | undefined
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

/** A key: 1 to 128 characters without control characters or lone surrogates. */
export const EVENT_KEY: RegExp = /^[^\p{Cc}\p{Cs}]{1,128}$/u

/** The rule of {@link EVENT_KEY}, as error messages state it. */
export const EVENT_KEY_RULE =
  'must be 1 to 128 characters long, and must not contain control characters or lone surrogates'

const FIELDS: ReadonlySet<string> = new Set([
  'data',
  'event',
  'ephemeral',
  'key',
  'replace',
  'retain',
])

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
    if (FIELDS.has(name)) continue
    const message = `An event has no field ${JSON.stringify(name)}: use data, event, ephemeral, key, replace and retain.`
    throw new HubError('invalid-event', message)
  }
  checkFlag('ephemeral', input.ephemeral)
  checkFlag('replace', input.replace)
  checkFlag('retain', input.retain)
}

function checkFlag(name: string, value: boolean | undefined): void {
  if (value === undefined || typeof value === 'boolean') return
  throw new HubError('invalid-event', `The field ${name} of an event must be true or false.`)
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
  const { event, key, replace, retain } = input
  if (key === undefined && !replace && !retain) return { event, topic, data }
  return {
    event,
    topic,
    key: checkKey(input),
    replace: replace || retain,
    retain: retain && data !== '',
    data,
  }
}

/** Returns the key. */
function checkKey({ key, replace, retain, ephemeral }: EventInput): string {
  if (ephemeral && (replace || retain)) {
    throw new HubError(
      'invalid-event',
      'An ephemeral event is not stored: it can neither replace others nor be retained.',
    )
  }
  return key === undefined ? '' : checkEventKey(key)
}

/** Returns the key of an event if it is valid. @throws {HubError} `invalid-event` if it is not */
export function checkEventKey(key: string): string {
  if (typeof key === 'string' && EVENT_KEY.test(key)) return key
  throw new HubError('invalid-event', `An event's key ${EVENT_KEY_RULE}.`)
}

/**
 * Encodes one frame as bytes.
 * @param id - the id of a stored event: a parameter, because a copy of the fields costs V8 more than the rest of a frame. @defaultValue that of the fields
 * @throws {HubError} `invalid-event` if `id` or `event` could inject another field: the last line of defence.
 */
export function encodeFrame(fields: FrameFields, id?: string): Uint8Array {
  return encoder.encode(frameText(fields, id))
}

/**
 * Encodes one frame as text. Key and topic go into comments, which parsers that don't know them ignore.
 * @throws {HubError} `invalid-event`
 */
export function frameText(fields: FrameFields, id: string | undefined = fields.id): string {
  const { retry, key, retain, topic, event, data } = fields
  let text = ''
  if (retry !== undefined) text += `retry: ${Math.round(retry)}\n`
  if (id !== undefined) text += `id: ${oneLine(id)}\n`
  if (key !== undefined) text += `: key ${oneLine(key)}\n`
  if (retain) text += ': retained\n'
  if (topic !== undefined) text += `: topic ${oneLine(topic)}\n`
  if (event !== undefined) text += `event: ${oneLine(event)}\n`
  return `${text}data: ${linesOf(data)}\n\n`
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
  return encoder.encode(linesOf(text)).byteLength > maxBytes
}

/** Data with the name of the field before each line but the first. Most data is one line, and finding that out costs less than splitting it. */
function linesOf(data: string): string {
  const isOneLine = !data.includes('\n') && !data.includes('\r')
  return isOneLine ? data : data.split(LINE_BREAK).join('\ndata: ')
}

function oneLine(field: string): string {
  if (/[\r\n\0]/.test(field)) {
    throw new HubError(
      'invalid-event',
      'An id, a key, a topic and an event name must be a single line without NUL.',
    )
  }
  return field
}
