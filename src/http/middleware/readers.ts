/** Reads the text of a body: as JSON, or as a form. */
import { HTTPException } from 'hono/http-exception'
import { HubError } from '../../core/errors.ts'
import { AT_MOST_ONCE } from '../schemas/rules.ts'
import { quoted } from './validate.ts'

const TOO_LARGE =
  'The JSON contains a number that is too large for JavaScript: send it as a string.'
const NOT_ENCODED = 'The form is not valid percent-encoded UTF-8: encode it.'

/** What a text is the whole of. */
type Whole = 'body' | 'line'

/** Says that a body, or a line of one, is not UTF-8. */
export function notUtf8(what: Whole): string {
  return `The ${what} is not valid UTF-8: encode it as UTF-8.`
}

/** The fields of a form that are true or false. */
const FLAGS: readonly string[] = ['ephemeral', 'replace', 'retain']

/** Parses JSON. @param what - what the text is. @throws {HTTPException} 400 */
export function fromJson(text: string, what: Whole = 'body'): unknown {
  // RFC 8259 §8.1: a byte order mark may be ignored.
  const json = text.replace(/^\uFEFF/, '')
  const value = parsed(json, what)
  if (hasInfinity(json)) throw new HTTPException(400, { message: TOO_LARGE })
  return value
}

function parsed(json: string, what: Whole): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new HTTPException(400, { message: `The ${what} is not valid JSON: check its syntax.` })
  }
}

/** Matches JSON that may contain a number of more than 308 digits, written out or with an exponent. */
const MAYBE_HUGE = /\d[eE]\+?\d|(?<!\d)\d{309}/

/** A string, which is skipped, or a number. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g

/** Whether JSON contains a number that JavaScript reads as infinite and would write as null. */
function hasInfinity(json: string): boolean {
  if (!MAYBE_HUGE.test(json)) return false
  for (const [token] of json.matchAll(TOKEN)) {
    if (!token.startsWith('"') && !Number.isFinite(Number(token))) return true
  }
  return false
}

/** Whether text is an object in JSON. */
export function isObject(text: string): boolean {
  if (!text.startsWith('{')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Parses a form. @throws {HTTPException} 400 @throws {HubError} `invalid-event` for a field that is repeated */
export function fromForm(text: string): unknown {
  // curl -d labels JSON a form, too. No field of an event begins with a brace.
  if (isObject(text)) return fromJson(text)
  if (!isPercentEncoded(text)) throw new HTTPException(400, { message: NOT_ENCODED })
  const fields = new Map<string, unknown>()
  for (const [name, value] of new URLSearchParams(text)) {
    // It is unclear which of the two is meant.
    if (fields.has(name)) throw repeated(name)
    fields.set(name, toField(name, value))
  }
  return Object.fromEntries(fields)
}

function repeated(name: string): HubError {
  const issues = [{ path: quoted(name), message: AT_MOST_ONCE }]
  return new HubError('invalid-event', '', { issues })
}

function toField(name: string, value: string): unknown {
  if (!FLAGS.includes(name)) return value
  return value === 'true' ? true : value === 'false' ? false : value
}

/** Whether text is valid percent-encoded UTF-8. */
export function isPercentEncoded(text: string): boolean {
  if (!text.includes('%')) return true
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes UTF-8; undefined for other bytes. */
export function decodeUtf8(bytes: ArrayBuffer | Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
