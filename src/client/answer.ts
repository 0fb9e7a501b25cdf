/** The hub's answer to the request of a stream: a stream, a temporary failure, or an end. */
import { type BasicClock, parseHttpDate } from '../core/clock.ts'
import { jsonFields } from './read-text.ts'
import type { EndedReason, EndedStatus } from './stream-types.ts'

/** An attempt that failed, and is to be repeated. */
export interface Lost {
  /** For people. */
  readonly reason: string
  /** Milliseconds that the hub asks to wait, at least; undefined if not the hub ended the attempt. */
  readonly minMs?: number
}

/** Characters of a problem that are kept. */
const MAX_DETAIL = 1_000

/** Returns what an answer means that is not a stream; undefined if it is one. */
export async function readRefusal(
  response: Response,
  clock: BasicClock,
): Promise<Lost | EndedStatus | undefined> {
  const { status, headers, body } = response
  const type = headers.get('Content-Type') ?? ''
  if (status === 200 && body && /^text\/event-stream\b/i.test(type)) return undefined
  if (status === 204) return ended('blocked')
  // RFC 9457. Other bodies are not meant for people.
  const isProblem = type.startsWith('application/problem+json')
  // It may never end, and the hub sends it in one piece. The end of the attempt cancels the rest.
  const first = isProblem
    ? await body
        ?.getReader()
        .read()
        .catch(() => {})
    : undefined
  const text = new TextDecoder().decode(first?.value)
  const { detail = `The server answered ${status}${type && ` with ${type}`}.` } = jsonFields(text)
  const reason = String(detail).slice(0, MAX_DETAIL)
  if (status === 401 || status === 403) return ended('unauthorized', reason)
  // Other errors of the client than these are permanent: RFC 9110 and RFC 6585.
  if (/^4(?!08|21|25|29)/.test(String(status))) return ended('refused', reason)
  return { reason, minMs: retryAfterMs(headers.get('Retry-After') ?? '', clock) }
}

/** The status of a stream that has ended. */
export function ended(reason: EndedReason, detail?: string): EndedStatus {
  return { state: 'ended', reason, detail }
}

/** Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
function retryAfterMs(value: string, clock: BasicClock): number {
  return Number(value) * 1_000 || parseHttpDate(value) - clock.now() || 0
}
