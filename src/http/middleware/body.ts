/** Reads request bodies. An event may be sent as JSON, text or a form; one schema validates all three. */
import type { Context, MiddlewareHandler } from 'hono'
import type { z } from 'zod'
import type { HubErrorCode } from '../../core/errors.ts'
import { readBody } from '../../core/read-body.ts'
import { problem } from '../problem.ts'
import { PublishBody, publishing } from '../schemas/requests.ts'
import { curlCommand } from './curl-command.ts'
import { decodeUtf8, fromForm, fromJson, isObject, notUtf8 } from './readers.ts'
import { invalid, type Valid } from './validate.ts'

/** One byte of data takes at most six bytes in JSON (`\u0000`). Field names and quotes need some slack. */
const JSON_BYTES_PER_BYTE = 6
const SLACK_BYTES = 4_096

/** The maximum size in bytes of a body that is not an event. */
const JSON_BYTES = 65_536

const CHARSET_UTF8 = /;\s*charset\s*=(?!\s*"?utf-?8"?\s*(?:;|$))/i
const UNSUPPORTED =
  'Send application/json {"data": …}, text/plain, application/x-www-form-urlencoded with data=, application/x-ndjson or text/event-stream, in UTF-8 and without Content-Encoding.'

/** Turns text into the value that a schema validates. @throws {HTTPException} 400 */
type Reader = (text: string) => unknown

type Readers = ReadonlyMap<string | undefined, Reader>

const FORM = 'application/x-www-form-urlencoded'

const EVENT_READERS: Readers = new Map([
  ['application/json', fromJson],
  ['text/plain', (text) => ({ data: text })],
  [FORM, fromForm],
])

/**
 * Reads and validates an event of any of the three types. Returns 413 above the size limit, 415 for
 * another type, and 400 for a body that is not UTF-8 or does not match the schema.
 */
export function eventBody(
  maxEventBytes: number,
): MiddlewareHandler<object, string, Valid<'json', PublishBody, z.input<typeof PublishBody>>> {
  return bodyOf(PublishBody, {
    readers: EVENT_READERS,
    unsupported: UNSUPPORTED,
    maxBytes: maxJsonBytes(maxEventBytes),
    tooLarge: dataTooLarge(maxEventBytes),
    tooLargeCode: 'event-too-large',
  })
}

/** The maximum number of bytes of an event as JSON. */
export function maxJsonBytes(maxEventBytes: number): number {
  return maxEventBytes * JSON_BYTES_PER_BYTE + SLACK_BYTES
}

/** Says that an event is too large. */
export function dataTooLarge(maxEventBytes: number): string {
  return `The data of an event is limited to ${maxEventBytes} bytes: send less.`
}

/** Reads and validates a body that must be JSON. */
export function jsonBody<Output, Input>(
  schema: z.ZodType<Output, Input>,
  { maxBytes = JSON_BYTES, unsupported = 'Send application/json.' }: Partial<BodyRules> = {},
): MiddlewareHandler<object, string, Valid<'json', Output, Input>> {
  return bodyOf(schema, {
    readers: new Map([['application/json', fromJson]]),
    unsupported,
    maxBytes,
    tooLarge: `The body is limited to ${maxBytes} bytes: send less.`,
  })
}

interface BodyRules {
  readonly readers: Readers
  readonly unsupported: string
  readonly maxBytes: number
  readonly tooLarge: string
  /** @defaultValue none */
  readonly tooLargeCode?: HubErrorCode
}

/** Stores the result where Hono's validator stores JSON: `c.req.valid('json')`. */
function bodyOf<Output, Input>(
  schema: z.ZodType<Output, Input>,
  { readers, unsupported, maxBytes, tooLarge, tooLargeCode }: BodyRules,
): MiddlewareHandler<object, string, Valid<'json', Output, Input>> {
  return async (c, next) => {
    const bytes = await bytesWithin(c, maxBytes)
    if (bytes === 'too large') return problem(c, 413, tooLarge, undefined, tooLargeCode)
    if (bytes === 'broken') return problem(c, 400, 'The body ended early: send it again.')
    const type = bodyTypeOf(c.req.raw)
    const reader = readers.get(type)
    if (!reader) return problem(c, 415, unsupported)
    const text = decodeUtf8(bytes)
    if (text === undefined) return problem(c, 400, notUtf8('body'))
    const value = reader(text)
    if (type === FORM && isNoEvent(value as object, text)) return noData(c, text)
    const checked = schema.safeParse(value)
    if (!checked.success) return invalid(c, 'json', checked.error)
    c.req.addValidatedData('json', checked.data as object)
    return await next()
  }
}

/** Whether a form is text: it has no field of an event. `curl -d` labels everything a form. */
function isNoEvent(form: object, text: string): boolean {
  const isEvent = Object.keys(publishing.shape).some((name) => Object.hasOwn(form, name))
  return !isEvent && text !== '' && !isObject(text)
}

/** Refuses a form that is none, with the command that publishes it. */
function noData(c: Context, text: string): Response {
  const command = curlCommand(c, text)
  const detail = `The form has no field data. If this is the data, send: ${command}`
  return problem(c, 400, detail, [{ path: 'json.data', message: 'is missing' }])
}

/** Reads the body of a request up to a size limit. */
async function bytesWithin(
  c: Context,
  maxSize: number,
): Promise<ArrayBuffer | 'too large' | 'broken'> {
  const length = lengthOf(c)
  try {
    // The host may have read the body already: then it is cached and its stream is locked. On Node,
    // requesting the body as a stream costs ten times as much as reading it.
    if (c.req.raw.bodyUsed || (length ?? maxSize + 1) <= maxSize) return await c.req.arrayBuffer()
    if (length !== undefined) return 'too large'
    const { buffer, byteLength } = await readBody(c.req.raw, maxSize, 'leave')
    if (byteLength > maxSize) return 'too large'
    // As after Hono's own methods, others can read it again.
    c.req.bodyCache.arrayBuffer = Promise.resolve(buffer) as never
    return buffer
  } catch {
    return 'broken'
  }
}

/** The length that the request declares. HTTP allows no more bytes than that. */
function lengthOf(c: Context): number | undefined {
  const length = c.req.header('Content-Length') ?? ''
  return /^\d+$/.test(length) && !c.req.header('Transfer-Encoding') ? Number(length) : undefined
}

/** The media type of a body that is uncompressed UTF-8; otherwise undefined. */
export function bodyTypeOf(request: Pick<Request, 'headers'>): string | undefined {
  const { headers } = request
  const type = headers.get('Content-Type') ?? ''
  const encoding = headers.get('Content-Encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity' || CHARSET_UTF8.test(type)) return undefined
  return mediaTypeOf(request)
}

/** The media type of a body, whatever its encoding. */
export function mediaTypeOf({ headers }: Pick<Request, 'headers'>): string {
  const [type = ''] = (headers.get('Content-Type') ?? '').split(';')
  return type.trim().toLowerCase()
}
