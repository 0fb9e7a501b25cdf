/** Sends requests to the HTTP API of a hub, and turns error responses into CLI errors. */

import type { Issue } from '../core/errors.ts'
import { NOT_PUBLISHED } from '../core/idempotency/idempotency-key.ts'
import { readBody } from '../core/read-body.ts'
import { CliError, EXIT } from './exit.ts'
import { visible } from './format.ts'

/**
 * Returns the URL of a route. The URL of the hub may lack a scheme and may end in `/sse`.
 * @throws {CliError} `usage` if the URL is invalid
 */
export function routeUrl(hub: string, ...path: readonly string[]): URL {
  const text = hub.includes('://') ? hub : `http://${hub}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  // The message does not repeat the URL, which may contain a password.
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new CliError(EXIT.usage, 'The URL of the hub must look like http://localhost:3020.')
  }
  if (url.username || url.password) {
    throw new CliError(EXIT.usage, 'Do not put a credential in the URL: use --key or --token.')
  }
  if (path.some((name) => name === '.' || name === '..')) {
    throw new CliError(EXIT.usage, '"." and ".." are not valid names.')
  }
  const base = url.pathname.replace(/(\/sse)?\/*$/, '')
  url.pathname = [base, ...path.map(encodeURIComponent)].join('/')
  return url
}

/** Returns the first of the keys in `PUBLISH_KEY`: the one that signs tickets. */
export function firstKey(keys: string): string {
  return keys.split(',')[0]?.trim() ?? ''
}

/** Returns the header for a key or a token; no header without one. */
export function bearer(credential: string | undefined): Record<string, string> {
  return credential ? { Authorization: `Bearer ${credential}` } : {}
}

/** How a request is sent. */
export interface PostOptions {
  readonly credential: string | undefined
  /** Seconds within which the hub must respond. @defaultValue `10` */
  readonly timeout?: number | undefined
  /**
   * Whether a request that was sent without a response may have stored an event: then the error is
   * `unconfirmed`, and says so.
   */
  readonly stores: boolean
}

/** Seconds. */
export const DEFAULT_TIMEOUT = 10

const MAYBE = 'The event may have been stored anyway.'

/** Posts JSON and returns the text of the response. @throws {CliError} */
export function post(url: URL, body: unknown, options: PostOptions): Promise<string> {
  const headers = { 'Content-Type': 'application/json' }
  return exchange(url, { method: 'POST', headers, body: JSON.stringify(body) }, options)
}

/** Sends a request without a body and returns the text of the response. @throws {CliError} */
export function call(
  method: 'GET' | 'DELETE',
  url: URL,
  options: Omit<PostOptions, 'stores'>,
): Promise<string> {
  return exchange(url, { method }, { ...options, stores: false })
}

async function exchange(url: URL, init: RequestInit, options: PostOptions): Promise<string> {
  const { credential, timeout = DEFAULT_TIMEOUT, stores } = options
  const [exitCode, note] = stores ? [EXIT.unconfirmed, ` ${MAYBE}`] : [EXIT.unavailable, '']
  const headers = { ...(init.headers as object), ...bearer(credential) }
  try {
    const signal = AbortSignal.timeout(Math.ceil(timeout * 1_000))
    const response = await fetch(url, { ...init, headers, signal })
    const maxBytes = init.method === 'GET' ? MAX_LIST_BYTES : MAX_RESPONSE_BYTES
    if (response.ok) return await textOf(response, maxBytes)
    const error = await errorOf(response)
    // The hub's journal may fail after the event was stored, and a proxy may lose the hub.
    if (storedNothing(error)) throw error
    const message = stores ? error.message.replace(/[^.]$/, '$&.') : error.message
    throw new CliError(exitCode, message + note, error.status, error.retryAfter)
  } catch (error) {
    if (error instanceof CliError) throw error
    if (wasNotSent(error)) throw unreachable(url, error)
    const reason = isTimeout(error)
      ? ` within ${Number(timeout.toFixed(1))} s`
      : `: ${networkReason(error)}`
    throw new CliError(exitCode, `${url.origin} did not respond${reason}.${note}`)
  }
}

/** Whether an event was certainly not stored, by the problem that the hub answered with. */
export function storedNothing({
  status = 0,
  message,
  code,
}: Pick<CliError, 'status' | 'message' | 'code'>): boolean {
  // An older hub has no code.
  const isFull = code === 'at-capacity' || message.endsWith(NOT_PUBLISHED)
  return status < 500 || status === NOT_SUPPORTED || isFull
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

/** Sends a request and returns the response of any status. @throws {CliError} `unavailable` if there is none */
export async function sendRequest(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    throw unreachable(url, error)
  }
}

/** The error for a hub that a request can't have reached. */
export function unreachable(url: URL, error: unknown): CliError {
  return new CliError(EXIT.unavailable, `${url.origin} can’t be reached: ${networkReason(error)}`)
}

/** Names that Node, Bun and Deno give to failures before a connection is established, and to ports that they refuse. */
const NOT_CONNECTED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|CERT|UNABLE_TO_VERIFY|WRONG_VERSION_NUMBER|bad port|ConnectionRefused|FailedToOpenSocket|client error \(Connect\)/

/** Whether a request can't have reached the hub. */
export function wasNotSent(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const all = cause instanceof AggregateError ? cause.errors : [cause, error]
  return all.some((one) => NOT_CONNECTED.test(`${(one as { code?: string }).code} ${one}`))
}

/** The maximum number of bytes of a response that are read: the server may not be a hub. */
const MAX_RESPONSE_BYTES = 1_048_576

/** The same for a list, which has up to 10,000 rows. */
const MAX_LIST_BYTES = 16_777_216

async function textOf(response: Response, maxBytes = MAX_RESPONSE_BYTES): Promise<string> {
  return new TextDecoder().decode(await readBody(response, maxBytes))
}

/** Turns an error response into an error of the command. */
export async function errorOf(response: Response): Promise<CliError> {
  const { status, statusText } = response
  const { detail = statusText, issues, code } = fieldsOf(await textOf(response))
  const lines = Array.isArray(issues) ? (issues as Issue[]).map(lineOf) : []
  // Over HTTP/2, a proxy's page has no reason at all.
  const reason = detail ? `: ${visible(`${detail}`)}` : ''
  const message = `${status}${reason}${lines.join('')}`
  const seconds = Number(response.headers.get('Retry-After')) || 0
  return new CliError(exitCodeOf(status), message, status, seconds, code)
}

/** The status of what a hub can't do, such as to store idempotency keys. */
export const NOT_SUPPORTED = 501

/** The exit code for a status that is an error. */
export function exitCodeOf(status: number): number {
  if (status === 401 || status === 403) return EXIT.forbidden
  if (status === NOT_SUPPORTED) return EXIT.refused
  return status === 429 || status >= 500 ? EXIT.unavailable : EXIT.refused
}

function lineOf({ path, message }: Issue): string {
  return `\n  ${visible(`${path} ${message}`)}`
}

/** Returns a response that has a field of the result. @throws {CliError} if another program responded */
export function resultOf(text: string, field: string): string {
  if (field in fieldsOf(text)) return text
  throw new CliError(EXIT.refused, 'The response is not a result: this is not a hub.')
}

/** Returns the fields of a JSON object; none if the text is anything else, for example a page from a proxy. */
export function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return { ...(JSON.parse(text) as object | null) }
  } catch {
    return {}
  }
}

/** The error of `fetch` has the reason in its cause, which is an AggregateError if several addresses were tried. */
export function networkReason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const [first = cause] = cause instanceof AggregateError ? cause.errors : []
  return (first instanceof Error ? first.message : String(first)).trim()
}
