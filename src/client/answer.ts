/** The hub's answer to the request of a stream: a stream, a temporary failure, or an end. */
import { type Clock, parseHttpDate } from '../core/clock.ts'
import type { EndedReason } from './stream-types.ts'

/** What an answer means for the stream. */
export type Answer =
  | { readonly is: 'open'; readonly body: ReadableStream<Uint8Array> }
  /** Another credential may be accepted. */
  | { readonly is: 'denied'; readonly detail: string }
  /** To be tried again, after `retryAfterMs` at the earliest. */
  | { readonly is: 'failed'; readonly detail: string; readonly retryAfterMs: number }
  | { readonly is: 'ended'; readonly reason: EndedReason; readonly detail?: string }

/** Errors of the client that are temporary: RFC 9110 and RFC 6585. */
const TEMPORARY = [408, 421, 425, 429]

/** The maximum that a server may ask the client to wait. */
const MAX_RETRY_AFTER_MS = 3_600_000

/** Characters of a problem that are read. */
const MAX_DETAIL = 1_000

/** Reads the status and, unless the answer is a stream, the reason in its body. */
export async function readAnswer(response: Response, clock: Clock): Promise<Answer> {
  const { status, headers, body } = response
  const type = headers.get('Content-Type') ?? ''
  if (status === 200 && body && /^text\/event-stream\b/i.test(type)) return { is: 'open', body }
  if (status === 204) return { is: 'ended', reason: 'blocked' }
  const detail =
    (await detailOf(response)) ?? `The server answered ${status}${type && ` with ${type}`}.`
  if (status === 401 || status === 403) return { is: 'denied', detail }
  const isFinal = status >= 400 && status < 500 && !TEMPORARY.includes(status)
  if (isFinal) return { is: 'ended', reason: 'refused', detail }
  return { is: 'failed', detail, retryAfterMs: retryAfterMs(headers.get('Retry-After'), clock) }
}

/** The detail of a problem (RFC 9457). Other bodies are not meant for people. */
async function detailOf(response: Response): Promise<string | undefined> {
  const isProblem = response.headers.get('Content-Type')?.startsWith('application/problem+json')
  if (!isProblem) {
    // Not awaited: a body may never end.
    response.body?.cancel().catch(() => {})
    return undefined
  }
  try {
    const { detail } = (await response.json()) as { detail?: unknown }
    return typeof detail === 'string' ? detail.slice(0, MAX_DETAIL) : undefined
  } catch {
    return undefined
  }
}

/** Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
function retryAfterMs(value: string | null, clock: Clock): number {
  if (value === null) return 0
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : parseHttpDate(value) - clock.now()
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : 0
}
