/** Writes a body again that a parser has read, as Express's and Fastify's do. */

/** A request of Node, after a parser. */
interface ParsedRequest {
  /** Whether something has read the body. */
  readonly readableDidRead?: boolean
  /** What the parser left. */
  readonly body?: unknown
}

/** A body and its type. */
export interface ParsedBody {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** @defaultValue that of the request */
  readonly type?: string
}

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

/**
 * Returns the body that a parser left in `request.body`; undefined if the body is unread, or what is left is
 * not known to mean the same.
 */
export function parsedBodyOf(
  request: ParsedRequest,
  contentType: string | null,
): ParsedBody | undefined {
  const { readableDidRead, body } = request
  if (!readableDidRead || body === undefined) return undefined
  if (body instanceof Uint8Array) return { bytes: new Uint8Array(body) }
  const type = contentType?.split(';')[0]?.trim().toLowerCase()
  if (typeof body === 'string') return { bytes: encode(body), type: type ?? 'text/plain' }
  if (type === FORM) return { bytes: encode(formOf(body).toString()), type }
  return type === JSON_TYPE ? { bytes: encode(jsonOf(body)), type } : undefined
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

/** A number that JavaScript reads as infinite: `JSON.stringify` would write it as null, and the app refuses it. */
const TOO_LARGE = '1e999'

/** The JSON of what the parser left. What is not JSON is refused by the app, as `undefined` is. */
function jsonOf(body: unknown): string {
  let isTooLarge = false
  try {
    const json = JSON.stringify(body, (_key, value) => {
      if (typeof value === 'number' && !Number.isFinite(value)) isTooLarge = true
      return value
    })
    return isTooLarge ? TOO_LARGE : json
  } catch {
    // A reviver may have made values that can’t be written: a bigint, or a circle.
    return String(undefined)
  }
}

/** Fields as they were sent: a list is a repeated field, an object has brackets in the names of its fields. */
function formOf(body: unknown, name?: string, form = new URLSearchParams()): URLSearchParams {
  if (Array.isArray(body)) for (const one of body) formOf(one, name, form)
  else if (typeof body === 'object' && body !== null) {
    for (const [key, value] of Object.entries(body)) {
      formOf(value, name === undefined ? key : `${name}[${key}]`, form)
    }
  } else form.append(name ?? '', String(body))
  return form
}
