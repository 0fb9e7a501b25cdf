/** A hub as commands reach it: through its HTTP interface. */
import type { Issue } from '../http/problem.ts'
import { CliError, EXIT } from './exit.ts'
import { visible } from './format.ts'

/**
 * The URL of a route. The hub may be given without a scheme, and with the `/sse` of its stream.
 * @throws {CliError} `usage` for what is no URL
 */
export function publishPath(hub: string, ...path: readonly string[]): URL {
  const text = hub.includes('://') ? hub : `http://${hub}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  // Whatever it is, it is not repeated: a password may stand in it.
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new CliError(EXIT.usage, 'The URL of the hub is to be like http://localhost:3020.')
  }
  if (url.username || url.password) {
    throw new CliError(EXIT.usage, 'Never put a credential into a URL: use --key or --token.')
  }
  if (path.some((name) => name === '.' || name === '..')) {
    throw new CliError(EXIT.usage, '. and .. are no names: a path that holds one is another path.')
  }
  const base = url.pathname.replace(/(\/sse)?\/*$/, '')
  url.pathname = [base, ...path.map(encodeURIComponent)].join('/')
  return url
}

/** The first of the keys that `PUBLISH_KEY` may hold: the one that signs. */
export function firstKey(keys: string): string {
  return keys.split(',')[0]?.trim() ?? ''
}

/** Bears a key or a token; nothing without one. */
export function bearer(credential: string | undefined): Record<string, string> {
  return credential ? { Authorization: `Bearer ${credential}` } : {}
}

/** Posts JSON, and returns the text of the answer. @throws {CliError} */
export async function post(
  url: URL,
  body: unknown,
  credential: string | undefined,
): Promise<string> {
  const response = await reach(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...bearer(credential) },
    body: JSON.stringify(body),
  })
  if (response.ok) return await response.text()
  throw await failureOf(response)
}

/** A request whose answer may be anything. @throws {CliError} `unavailable` when none comes */
export async function reach(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    throw new CliError(EXIT.unavailable, `${url.origin} can’t be reached: ${reasonOf(error)}`)
  }
}

/** What an answer that is no success means. */
export async function failureOf(response: Response): Promise<CliError> {
  const { status, statusText } = response
  const { detail = statusText, issues } = fieldsOf(await response.text())
  const lines = Array.isArray(issues) ? (issues as Issue[]).map(lineOf) : []
  return new CliError(codeOf(status), `${status}: ${visible(`${detail}`)}${lines.join('')}`, status)
}

function codeOf(status: number): number {
  if (status === 401 || status === 403) return EXIT.noRight
  return status === 429 || status >= 500 ? EXIT.unavailable : EXIT.refused
}

function lineOf({ path, message }: Issue): string {
  return `\n  ${visible(`${path} ${message}`)}`
}

/** The fields of a JSON object; none where something else came, a proxy's own page, say. */
export function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return { ...(JSON.parse(text) as object | null) }
  } catch {
    return {}
  }
}

/** `fetch` says only that it failed; why is in the cause, which for several addresses is several. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const [first = cause] = cause instanceof AggregateError ? cause.errors : []
  return first instanceof Error ? first.message : String(first)
}
