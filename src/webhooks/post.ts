/** Sends one webhook once: signs it, and reports how the receiver has answered. */
import { onAborted } from '../core/abort.ts'
import { parseHttpDate } from '../core/clock.ts'
import { readBody } from '../core/read-body.ts'
import type { OutboxEvent } from './outbox.ts'
import { createWebhookSigner } from './signature.ts'
import type { WebhookSettings } from './webhook-options.ts'

/** What became of a request. */
export interface PostResult {
  /** The status of the answer; undefined if there was none. */
  readonly status: number | undefined
  /** Whether the receiver has accepted the webhook. */
  readonly ok: boolean
  /** Milliseconds that the receiver asks to wait; 0 if it does not. */
  readonly retryAfterMs: number
  /** Why it failed. It contains neither the URL nor the secret. */
  readonly reason: string
}

/** Sends a webhook. Never rejects. Aborting the signal ends the request. */
export type Post = (message: WebhookMessage, signal: AbortSignal) => Promise<PostResult>

/** What one request carries. */
export type WebhookMessage = Pick<OutboxEvent, 'id' | 'body'>

/** Milliseconds within which the receiver must have answered. */
const TIMEOUT_MS = 10_000

/** Bytes of an answer that are read, so that its connection can be used again. */
const MAX_ANSWER_BYTES = 16_384

/** The maximum that a receiver may ask to wait. */
const MAX_RETRY_AFTER_MS = 600_000

/** Creates the function that sends webhooks. */
export function createPost(settings: WebhookSettings): Post {
  const { url, secrets, fetch, clock } = settings
  const { sign } = createWebhookSigner(secrets)
  return async (message, signal) => {
    const abort = new AbortController()
    const removeListener = onAborted(signal, () => abort.abort(signal.reason))
    let cancelTimeout = () => {}
    try {
      cancelTimeout = clock.every(TIMEOUT_MS, () => {
        abort.abort(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`))
      })
      const response = await send(message, abort.signal)
      // What it says is of no interest, and may never end.
      await readBody(response, MAX_ANSWER_BYTES).catch(() => {})
      const { status, ok, headers } = response
      const retryAfterMs = waitOf(headers.get('Retry-After') ?? '')
      return { status, ok, retryAfterMs, reason: `the receiver answered ${status}` }
    } catch (error) {
      return { status: undefined, ok: false, retryAfterMs: 0, reason: reasonOf(error) }
    } finally {
      cancelTimeout()
      removeListener()
    }
  }

  async function send({ id, body }: WebhookMessage, signal: AbortSignal): Promise<Response> {
    const timestamp = Math.floor(clock.now() / 1_000)
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': 'hono-sse',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': await sign({ id, timestamp, body }),
    }
    // A redirect is a failure, as the specification has it: it would lead the webhook elsewhere.
    return await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal })
  }

  /** Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
  function waitOf(value: string): number {
    const ms = Number(value) * 1_000 || parseHttpDate(value) - clock.now()
    return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : 0
  }
}

/** Runtimes report why as the cause, and some repeat the URL, which may contain a secret. */
function reasonOf(error: unknown): string {
  const { cause = error } = Object(error) as { cause?: unknown }
  const text = cause instanceof Error ? cause.message : String(cause)
  return text.replace(/https?:\S+/g, '…')
}
