/** A client for the HTTP API of the hub. */

/** The result of a request: the body, or a sentence about the problem. Status 0 means that there was no response. */
export type ApiResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly status: number; readonly problem: string }

/** Shown if there is no response over HTTP/1.1. */
export const CONNECTION_LIMIT =
  'Over HTTP/1.1 a browser opens at most six connections per host, across all its tabs: if six streams are open, all other requests wait until one ends.'

/** Whether this page was loaded over HTTP/1.1, as far as the browser reports it. */
export const isHttp1 = performance
  .getEntriesByType('navigation')
  .some((entry) => 'nextHopProtocol' in entry && entry.nextHopProtocol === 'http/1.1')

/** The path at which the hub is mounted. */
const base = location.pathname.replace(/\/$/, '')

/** The timeout of a request in milliseconds. */
const TIMEOUT_MS = 5_000

/** The key. It is stored in this tab only, until the tab is closed. */
export const key = {
  get: () => sessionStorage.getItem('hono-sse-key') ?? '',
  set: (text: string) => sessionStorage.setItem('hono-sse-key', text),
  forget: () => sessionStorage.removeItem('hono-sse-key'),
}

/** Returns the URL of a stream. */
export function streamUrl(query: URLSearchParams): string {
  return `${base}/sse?${query}`
}

/** Sends a request, with the key if there is one. Never throws: an error is also a result. */
export async function callApi(method: string, path: string, body?: object): Promise<ApiResult> {
  try {
    const headers = new Headers()
    if (key.get()) headers.set('Authorization', `Bearer ${key.get()}`)
    if (body) headers.set('Content-Type', 'application/json')
    const response = await fetch(base + path, {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await response.text()
    // A proxy may answer 200 with a page of its own, for example to log in. Status 0: try again later.
    if (response.ok && isPage(response)) return { ok: false, status: 0, problem: NOT_THE_HUB }
    if (response.ok) return { ok: true, text }
    return { ok: false, status: response.status, problem: problemOf(response.status, text) }
  } catch (error) {
    return { ok: false, status: 0, problem: networkProblem(error) }
  }
}

/**
 * Finds out why the hub refused a stream. An EventSource does not report the status, so the request
 * is sent again with fetch.
 */
export async function closeReason(url: string): Promise<string> {
  const abort = new AbortController()
  try {
    const response = await fetch(url, { signal: abort.signal })
    if (response.status === 204) return 'The hub has temporarily blocked this client (204).'
    if (response.ok) return 'The hub would accept this client now.'
    return problemOf(response.status, await response.text())
  } catch (error) {
    return networkProblem(error)
  } finally {
    // If the hub accepts the stream, it must not stay open.
    abort.abort()
  }
}

const NOT_THE_HUB =
  'Something else than the hub has answered: a proxy may require you to log in. Reload this page.'

function isPage({ headers }: Response): boolean {
  return headers.get('Content-Type')?.startsWith('text/html') ?? false
}

/** Returns the `detail` of problem details, which says what to do. https://www.rfc-editor.org/rfc/rfc9457 */
function problemOf(status: number, text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }
    if (typeof detail === 'string') return `${detail} (${status})`
  } catch {
    // A proxy may send an error in another format.
  }
  return `The status of the response was ${status}.`
}

function networkProblem(error: unknown): string {
  if (!(error instanceof DOMException)) return 'The hub can’t be reached.'
  const timeout = `The hub did not respond within ${TIMEOUT_MS / 1_000} seconds.`
  return isHttp1 ? `${timeout} ${CONNECTION_LIMIT}` : timeout
}
