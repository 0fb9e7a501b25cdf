/** The hub's HTTP interface, as this page uses it. */

/** What the hub answered: the body, or what was wrong in a sentence. Status 0 is no answer at all. */
export type Answer =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly status: number; readonly problem: string }

/** Said where an answer does not come. */
export const SIX =
  'Over HTTP/1.1 a browser opens six connections per host, over all its tabs: if six streams are open, all else waits until one ends.'

/** Whether this page came over HTTP/1.1, as far as the browser tells. */
export const isHttp1 = performance
  .getEntriesByType('navigation')
  .some((entry) => 'nextHopProtocol' in entry && entry.nextHopProtocol === 'http/1.1')

/** The page may be mounted below a path: the hub's routes are beside it. */
const base = location.pathname.replace(/\/$/, '')

/** Milliseconds that an answer may take. */
const PATIENCE_MS = 5_000

/** The key is kept in this tab only, and until it is closed. */
export const key = {
  get: () => sessionStorage.getItem('hono-sse-key') ?? '',
  set: (text: string) => sessionStorage.setItem('hono-sse-key', text),
  forget: () => sessionStorage.removeItem('hono-sse-key'),
}

/** The URL of a stream. */
export function streamUrl(query: URLSearchParams): string {
  return `${base}/sse?${query}`
}

/** Sends a request, with the key if there is one. Never throws: what goes wrong is an answer, too. */
export async function ask(method: string, path: string, body?: object): Promise<Answer> {
  try {
    const headers = new Headers()
    if (key.get()) headers.set('Authorization', `Bearer ${key.get()}`)
    if (body) headers.set('Content-Type', 'application/json')
    const response = await fetch(base + path, {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    const text = await response.text()
    if (response.ok) return { ok: true, text }
    return { ok: false, status: response.status, problem: problemOf(response.status, text) }
  } catch (error) {
    return { ok: false, status: 0, problem: silence(error) }
  }
}

/**
 * Why the hub has closed a stream for good. An EventSource does not tell its status: the same
 * request, sent once more, does.
 */
export async function whyClosed(url: string): Promise<string> {
  const abort = new AbortController()
  try {
    const response = await fetch(url, { signal: abort.signal })
    if (response.status === 204) return 'The hub keeps this client away for now (204).'
    if (response.ok) return 'The hub would let this client in now.'
    return problemOf(response.status, await response.text())
  } catch (error) {
    return silence(error)
  } finally {
    // What would be let in is not wanted: it was a question.
    abort.abort()
  }
}

/** The `detail` of problem details: it says what to do. https://www.rfc-editor.org/rfc/rfc9457 */
function problemOf(status: number, text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }
    if (typeof detail === 'string') return `${detail} (${status})`
  } catch {
    // A proxy in between has its own way to say no.
  }
  return `The answer was ${status}.`
}

function silence(error: unknown): string {
  if (!(error instanceof DOMException)) return 'The hub can’t be reached.'
  const late = `There was no answer within ${PATIENCE_MS / 1_000} seconds.`
  return isHttp1 ? `${late} ${SIX}` : late
}
