/** Checks the options of `connect`: a stream with a wrong one would try for ever, in silence. */
import { KIND, type Kind, type Kinds, optionsProblem } from '../../core/options/option-kinds.ts'
import type { ClientOptions } from '../client-stream.ts'

const CREDENTIALS: readonly unknown[] = ['omit', 'same-origin', 'include']

/** What a header can carry. */
const CURSOR = /^[ -~]*$/

const KINDS: Kinds<ClientOptions> = {
  url: {
    rule: 'must be a string or a URL',
    accepts: (value) => typeof value === 'string' || value instanceof URL,
  },
  client: KIND.text,
  topics: KIND.texts,
  ticket: KIND.function,
  headers: KIND.function,
  credentials: {
    rule: 'must be omit, same-origin or include',
    accepts: (value) => CREDENTIALS.includes(value),
  },
  lastEventId: {
    rule: 'must be the id of an event',
    accepts: (value) => value === null || (typeof value === 'string' && CURSOR.test(value)),
  },
  share: { rule: 'must be true, false or a string', accepts: anyOf(KIND.flag, KIND.text) },
  events: { rule: 'must be an object of Standard Schemas', accepts: isSchemas },
  signal: KIND.signal,
  onError: KIND.function,
  clock: KIND.object,
  random: KIND.function,
  browser: KIND.object,
  fetch: KIND.function,
}

/** @throws {TypeError} for an unknown option, a value of another kind, or a URL that nothing could request */
export function checkClientOptions(options: ClientOptions): void {
  const problem = optionsProblem('connect', options, KINDS)
  if (problem !== undefined) throw new TypeError(problem)
  const { url, fetch } = options
  const { location } = globalThis as { location?: { readonly href: string } }
  if (!url) throw new TypeError('connect requires url.')
  // An app's own `fetch` may know what a relative URL belongs to.
  if ((fetch && !location) || isUrl(url, location?.href)) return
  const rule = location ? 'must be a URL' : 'must be absolute where there is no page'
  throw new TypeError(`The option url of connect ${rule}.`)
}

function anyOf(...kinds: readonly Kind[]): Kind['accepts'] {
  return (value) => kinds.some(({ accepts }) => accepts(value))
}

function isSchemas(value: unknown): boolean {
  if (!KIND.object.accepts(value)) return false
  return Object.values(value as object).every(
    (schema) => typeof schema?.['~standard']?.validate === 'function',
  )
}

function isUrl(url: string | URL, base: string | undefined): boolean {
  try {
    return new URL(url, base) !== undefined
  } catch {
    return false
  }
}
