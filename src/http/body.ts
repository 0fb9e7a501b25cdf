/** Bodies: JSON, text and a form are three spellings of one publishing request. */
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { every } from 'hono/combine'
import { problem } from './problem.ts'

/** JSON spells a byte with six at the most (`\u0000`); beside the data stand names and quotes. */
const SPELLING = 6
const SLACK_BYTES = 4_096

/** Bytes of a body that is no event. */
const JSON_BYTES = 65_536

const TOO_LARGE = 'The JSON holds a number that is too large to be kept: send it as a string.'
const NOT_UTF8 = 'The body is not valid UTF-8.'
const CHARSET_UTF8 = /;\s*charset\s*=(?!\s*"?utf-?8"?\s*(?:;|$))/i
const UNSUPPORTED =
  'Send application/json {"data": …}, text/plain, or application/x-www-form-urlencoded with data=, in UTF-8 and without Content-Encoding.'

/**
 * Reads the body strictly and leaves it as the JSON of a publishing request.
 * Answers 413 over its bound, 415 for another type, 400 for what is not UTF-8.
 */
export function publishingBody(maxEventBytes: number): MiddlewareHandler {
  const limit = bodyLimit({
    maxSize: maxEventBytes * SPELLING + SLACK_BYTES,
    onError: (c) => problem(c, 413, `An event may carry ${maxEventBytes} bytes of data.`),
  })
  return every(readWithin(limit), spellAsJson)
}

/** Reads a body that can only be JSON, as strictly. */
export function jsonBody(): MiddlewareHandler {
  const limit = bodyLimit({
    maxSize: JSON_BYTES,
    onError: (c) => problem(c, 413, `The body may have ${JSON_BYTES} bytes.`),
  })
  return every(readWithin(limit), async (c: Context, next: () => Promise<void>) => {
    if (typeOf(c) !== 'application/json') return problem(c, 415, 'Send application/json.')
    if (decode(await c.req.arrayBuffer()) === undefined) return problem(c, 400, NOT_UTF8)
    return await next()
  })
}

/** Reads the body into Hono's cache, within a limit. */
function readWithin(limit: MiddlewareHandler): MiddlewareHandler {
  return async (c, next) => {
    // The host has read it: it is in the cache, and its stream is locked.
    if (c.req.raw.bodyUsed) return await next()
    let read = false
    try {
      return await limit(c, async () => {
        await c.req.arrayBuffer()
        read = true
        await next()
      })
    } catch (error) {
      if (read) throw error
      return problem(c, 400, 'The body broke off.')
    }
  }
}

async function spellAsJson(c: Context, next: () => Promise<void>): Promise<Response | undefined> {
  const spell = spellingOf(c)
  if (!spell) return problem(c, 415, UNSUPPORTED)
  const text = decode(await c.req.arrayBuffer())
  if (text === undefined) return problem(c, 400, NOT_UTF8)
  if (spell === asItIs && hasInfinity(text)) return problem(c, 400, TOO_LARGE)
  const json = spell(text)
  if (json === undefined)
    return problem(c, 400, 'The form is not percent-encoded UTF-8, or has a field twice.')
  respell(c, json)
  await next()
  return undefined
}

type Spelling = (text: string) => string | undefined

function spellingOf(c: Context): Spelling | undefined {
  switch (typeOf(c)) {
    case 'application/json':
      return asItIs
    case 'text/plain':
      return (text) => JSON.stringify({ data: text })
    case 'application/x-www-form-urlencoded':
      return formToJson
    default:
      return undefined
  }
}

/** The media type, if it comes uncompressed and in UTF-8. */
function typeOf(c: Context): string | undefined {
  const type = c.req.header('Content-Type') ?? ''
  const encoding = c.req.header('Content-Encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity' || CHARSET_UTF8.test(type)) return undefined
  return type.split(';')[0]?.trim().toLowerCase()
}

function asItIs(json: string): string {
  // RFC 8259 §8.1: a byte order mark may be ignored.
  return json.replace(/^\uFEFF/, '')
}

/** Whether JSON holds a number that JavaScript takes for infinite, and would write as null. */
function hasInfinity(json: string): boolean {
  // Only such a text can: most are spared the second look.
  if (!/[eE]\+?\d{3}|\d{309}/.test(json)) return false
  let found = false
  try {
    JSON.parse(json, (_, value) => {
      found ||= value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY
    })
  } catch {
    // Not JSON, which the validator says, or nested too deep, which the hub says.
  }
  return found
}

function formToJson(text: string): string | undefined {
  if (!isPercentEncoded(text)) return undefined
  const fields = new Map<string, unknown>()
  for (const [name, value] of new URLSearchParams(text)) {
    // Which of two was meant nobody can know.
    if (fields.has(name)) return undefined
    fields.set(name, toField(name, value))
  }
  return JSON.stringify(Object.fromEntries(fields))
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

function decode(bytes: ArrayBuffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Leaves the JSON where Hono's validator looks for it: in the cache of a request of that type. */
function respell(c: Context, json: string): void {
  // Typed as the text, though Hono keeps and awaits a promise of it.
  c.req.bodyCache = { text: Promise.resolve(json) as unknown as string }
  if (typeOf(c) === 'application/json') return
  const headers = new Headers(c.req.raw.headers)
  headers.set('Content-Type', 'application/json')
  c.req.raw = new Request(c.req.url, { method: c.req.method, headers })
}
