/** Bodies: JSON, text and a form are three spellings of one publishing request, held to one schema. */
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import type { z } from 'zod'
import { problem } from '../problem.ts'
import { PublishBody } from '../schemas/requests.ts'
import { invalid, type Valid } from './validate.ts'

/** JSON spells a byte with six at the most (`\u0000`); beside the data stand names and quotes. */
const SPELLING = 6
const SLACK_BYTES = 4_096

/** Bytes of a body that is no event. */
const JSON_BYTES = 65_536

const TOO_LARGE = 'The JSON holds a number that is too large to be kept: send it as a string.'
const NO_FORM = 'The form is not percent-encoded UTF-8, or has a field twice.'
const NOT_UTF8 = 'The body is not valid UTF-8.'
const CHARSET_UTF8 = /;\s*charset\s*=(?!\s*"?utf-?8"?\s*(?:;|$))/i
const UNSUPPORTED =
  'Send application/json {"data": …}, text/plain, or application/x-www-form-urlencoded with data=, in UTF-8 and without Content-Encoding.'

/** Makes of text the value that a schema is asked about. @throws {HTTPException} 400 */
type Reader = (text: string) => unknown

type Readers = ReadonlyMap<string | undefined, Reader>

const EVENT_READERS: Readers = new Map([
  ['application/json', fromJson],
  ['text/plain', (text) => ({ data: text })],
  ['application/x-www-form-urlencoded', fromForm],
])

/**
 * Reads a publishing request strictly, however it is written.
 * Answers 413 over its bound, 415 for another type, 400 for what is not UTF-8 or does not fit the schema.
 */
export function eventBody(
  maxEventBytes: number,
): MiddlewareHandler<object, string, Valid<'json', PublishBody, z.input<typeof PublishBody>>> {
  return bodyOf(PublishBody, {
    readers: EVENT_READERS,
    unsupported: UNSUPPORTED,
    maxBytes: maxEventBytes * SPELLING + SLACK_BYTES,
    tooLarge: `An event may carry ${maxEventBytes} bytes of data.`,
  })
}

/** Reads a body that can only be JSON, as strictly. */
export function jsonBody<Output, Input>(
  schema: z.ZodType<Output, Input>,
): MiddlewareHandler<object, string, Valid<'json', Output, Input>> {
  return bodyOf(schema, {
    readers: new Map([['application/json', fromJson]]),
    unsupported: 'Send application/json.',
    maxBytes: JSON_BYTES,
    tooLarge: `The body may have ${JSON_BYTES} bytes.`,
  })
}

interface BodyRules {
  readonly readers: Readers
  readonly unsupported: string
  readonly maxBytes: number
  readonly tooLarge: string
}

/** Leaves what it has read where Hono's validator leaves JSON. */
function bodyOf<Output, Input>(
  schema: z.ZodType<Output, Input>,
  { readers, unsupported, maxBytes, tooLarge }: BodyRules,
): MiddlewareHandler<object, string, Valid<'json', Output, Input>> {
  const bytesOf = readerWithin(maxBytes)
  return async (c, next) => {
    const bytes = await bytesOf(c)
    if (bytes === 'too large') return problem(c, 413, tooLarge)
    if (bytes === 'broken') return problem(c, 400, 'The body broke off.')
    const reader = readers.get(typeOf(c))
    if (!reader) return problem(c, 415, unsupported)
    const text = decode(bytes)
    if (text === undefined) return problem(c, 400, NOT_UTF8)
    const checked = schema.safeParse(reader(text))
    if (!checked.success) return invalid(c, 'json', checked.error)
    c.req.addValidatedData('json', checked.data as object)
    return await next()
  }
}

/** Reads bodies within a limit. */
function readerWithin(maxSize: number) {
  const limit = bodyLimit({ maxSize, onError: (c) => c.body(null, 413) })
  return async (c: Context): Promise<ArrayBuffer | 'too large' | 'broken'> => {
    let bytes: ArrayBuffer | undefined
    const read = async () => {
      bytes = await c.req.arrayBuffer()
    }
    try {
      const length = lengthOf(c)
      // The host may have read it: then it is in the cache, and its stream is locked. And asking Node
      // for the body as a stream costs ten times what reading it does.
      if (c.req.raw.bodyUsed || (length ?? maxSize + 1) <= maxSize) await read()
      else if (length === undefined) await limit(c, read)
      return bytes ?? 'too large'
    } catch {
      return 'broken'
    }
  }
}

/** Bytes of the body, where the request says so: HTTP lets no more through. */
function lengthOf(c: Context): number | undefined {
  const length = c.req.header('Content-Length') ?? ''
  return /^\d+$/.test(length) && !c.req.header('Transfer-Encoding') ? Number(length) : undefined
}

/** The media type, if it comes uncompressed and in UTF-8. */
function typeOf(c: Context): string | undefined {
  const type = c.req.header('Content-Type') ?? ''
  const encoding = c.req.header('Content-Encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity' || CHARSET_UTF8.test(type)) return undefined
  return type.split(';')[0]?.trim().toLowerCase()
}

function fromJson(text: string): unknown {
  // RFC 8259 §8.1: a byte order mark may be ignored.
  const json = text.replace(/^\uFEFF/, '')
  const value = parsed(json)
  if (hasInfinity(json)) throw new HTTPException(400, { message: TOO_LARGE })
  return value
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new HTTPException(400, { message: 'The body is not JSON.' })
  }
}

/** A text that may hold a number of more than 308 digits, written out or with an exponent. */
const MAYBE_HUGE = /\d[eE]\+?\d|(?<!\d)\d{309}/

/** A string, which is passed over, or a number. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g

/** Whether JSON holds a number that JavaScript takes for infinite, and would write as null. */
function hasInfinity(json: string): boolean {
  if (!MAYBE_HUGE.test(json)) return false
  for (const [token] of json.matchAll(TOKEN)) {
    if (!token.startsWith('"') && !Number.isFinite(Number(token))) return true
  }
  return false
}

function fromForm(text: string): unknown {
  if (!isPercentEncoded(text)) throw new HTTPException(400, { message: NO_FORM })
  const fields = new Map<string, unknown>()
  for (const [name, value] of new URLSearchParams(text)) {
    // Which of two was meant nobody can know.
    if (fields.has(name)) throw new HTTPException(400, { message: NO_FORM })
    fields.set(name, toField(name, value))
  }
  return Object.fromEntries(fields)
}

function toField(name: string, value: string): unknown {
  if (name !== 'ephemeral') return value
  return value === 'true' ? true : value === 'false' ? false : value
}

/** Whether text can be percent-decoded to UTF-8. */
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

function decode(bytes: ArrayBuffer): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
