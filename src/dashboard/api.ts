/** A client for the HTTP API of the hub. */

/** The result of a request: the body, or a sentence about the problem. Status 0 means that there was no response. */
export type ApiResult =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false
      readonly status: number
      readonly problem: string
      /** What is wrong with single fields of the request. */
      readonly issues: readonly RejectedField[]
    }

/** What is wrong with a field, such as `json.event`. */
export interface RejectedField {
  readonly path: string
  readonly message: string
}

/** Shown if the network fails. */
export const UNREACHABLE = 'The hub can’t be reached.'

/** Shown if there is no response over HTTP/1.1. */
export const CONNECTION_LIMIT =
  'Over HTTP/1.1 a browser opens at most six connections per host, across all its tabs: if six streams are open, all other requests wait until one ends.'

/** Whether this page was loaded over HTTP/1.1, as far as the browser reports it. */
export const isHttp1 = performance
  .getEntriesByType('navigation')
  .some((entry) => 'nextHopProtocol' in entry && entry.nextHopProtocol === 'http/1.1')

/** The path at which the hub is mounted, without a final slash. */
export const base: string = location.pathname.replace(/\/+$/, '')

/** The timeout of a request in milliseconds. */
const TIMEOUT_MS = 5_000

/** The key. It is stored in this tab only, until the tab is closed. */
export const key = {
  get: () => sessionStorage.getItem('hono-sse-key') ?? '',
  set: (text: string) => sessionStorage.setItem('hono-sse-key', text),
  forget: () => sessionStorage.removeItem('hono-sse-key'),
}

/** The URL of the stream. */
export const streamUrl: string = `${base}/sse`

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
    if (response.ok && isPage(response)) return failure(0, NOT_THE_HUB)
    if (response.ok) return { ok: true, text }
    return problemOf(response.status, text)
  } catch (error) {
    return failure(0, networkProblem(error))
  }
}

function failure(
  status: number,
  problem: string,
  issues: readonly RejectedField[] = [],
): ApiResult {
  return { ok: false, status, problem, issues }
}

const NOT_THE_HUB =
  'Something else than the hub has answered: a proxy may require you to log in. Reload this page.'

function isPage({ headers }: Response): boolean {
  return headers.get('Content-Type')?.startsWith('text/html') ?? false
}

/** Reads the `detail` of problem details, which says what to do. https://www.rfc-editor.org/rfc/rfc9457 */
function problemOf(status: number, text: string): ApiResult {
  try {
    const { detail, issues } = JSON.parse(text) as {
      detail?: unknown
      issues?: readonly RejectedField[]
    }
    if (typeof detail === 'string') return failure(status, `${detail} (${status})`, issues)
  } catch {
    // A proxy may send an error in another format.
  }
  return failure(status, `The status of the response was ${status}.`)
}

function networkProblem(error: unknown): string {
  if (!(error instanceof DOMException)) return UNREACHABLE
  const timeout = `The hub did not respond within ${TIMEOUT_MS / 1_000} seconds.`
  return isHttp1 ? `${timeout} ${CONNECTION_LIMIT}` : timeout
}
