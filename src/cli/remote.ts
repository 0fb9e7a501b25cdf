/** Sends requests to the HTTP API of a hub, and turns error responses into CLI errors. */

import { readBody } from '../core/read-body.ts'
import type { Issue } from '../http/problem.ts'
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

/**
 * Posts JSON and returns the text of the response.
 * @param unknownOutcome - what to add to the message if the request was sent without a response
 * @throws {CliError}
 */
export async function post(
  url: URL,
  body: unknown,
  credential: string | undefined,
  unknownOutcome = '',
): Promise<string> {
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...bearer(credential) },
    body: JSON.stringify(body),
  }
  try {
    const response = await fetch(url, init)
    if (response.ok) return await textOf(response)
    const error = await errorOf(response)
    // A proxy returns these when it has lost the hub, perhaps after it forwarded the request.
    if (response.status !== 502 && response.status !== 504) throw error
    throw new CliError(error.exitCode, `${error.message} ${unknownOutcome}`.trim(), error.status)
  } catch (error) {
    if (error instanceof CliError) throw error
    if (wasNotSent(error)) throw unreachable(url, error)
    const message = `${url.origin} did not respond: ${reasonOf(error)}. ${unknownOutcome}`
    throw new CliError(EXIT.unavailable, message.trim())
  }
}

/** Sends a request and returns the response of any status. @throws {CliError} `unavailable` if there is none */
export async function sendRequest(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    throw unreachable(url, error)
  }
}

function unreachable(url: URL, error: unknown): CliError {
  return new CliError(EXIT.unavailable, `${url.origin} can’t be reached: ${reasonOf(error)}`)
}

/** Names that Node, Bun and Deno give to failures before a connection is established. */
const NOT_CONNECTED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|CERT|ConnectionRefused|FailedToOpenSocket|client error \(Connect\)/

/** Whether a request can't have reached the hub. */
function wasNotSent(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const all = cause instanceof AggregateError ? cause.errors : [cause, error]
  return all.some((one) => NOT_CONNECTED.test(`${(one as { code?: string }).code} ${one}`))
}

/** The maximum number of bytes of a response that are read: the server may not be a hub. */
const MAX_RESPONSE_BYTES = 1_048_576

async function textOf(response: Response): Promise<string> {
  return new TextDecoder().decode(await readBody(response, MAX_RESPONSE_BYTES))
}

/** Turns an error response into an error of the command. */
export async function errorOf(response: Response): Promise<CliError> {
  const { status, statusText } = response
  const { detail = statusText, issues } = fieldsOf(await textOf(response))
  const lines = Array.isArray(issues) ? (issues as Issue[]).map(lineOf) : []
  const message = `${status}: ${visible(`${detail}`)}${lines.join('')}`
  return new CliError(exitCodeOf(status), message, status)
}

function exitCodeOf(status: number): number {
  if (status === 401 || status === 403) return EXIT.forbidden
  return status === 429 || status >= 500 ? EXIT.unavailable : EXIT.refused
}

function lineOf({ path, message }: Issue): string {
  return `\n  ${visible(`${path} ${message}`)}`
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
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const [first = cause] = cause instanceof AggregateError ? cause.errors : []
  return first instanceof Error ? first.message : String(first)
}
