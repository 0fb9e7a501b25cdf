/** The options of webhooks, with their defaults and ranges. */
import { type Clock, systemClock } from '../core/clock.ts'
import { checkRange, HubError } from '../core/errors.ts'
import { checkOptions, KIND, type Kinds } from '../core/options/option-kinds.ts'
import { isSecureUrl, SECURE_URL_RULE } from '../core/options/secure-url.ts'
import { CLOCK, COUNT } from '../core/options/shared-kinds.ts'
import { isWebhookSecret, WEBHOOK_SECRET_RULE } from './signature.ts'

/** Where webhooks are sent, and how they are signed. */
export interface WebhookOptions {
  /** The https URL of the receiver; http only on localhost. */
  readonly url: string
  /** `whsec_` and 24 to 64 bytes in base64. With several, each webhook has a signature by each, so that a receiver can change from one to another. */
  readonly secret: string | readonly string[]
  /** The maximum number of webhooks that wait: at most one per client. The oldest are dropped. @defaultValue `50_000` */
  readonly maxWaiting?: number | undefined
  /**
   * The maximum number of webhooks that one request carries while more wait than may be sent at once, up to 1,000. The receiver MUST
   * then know batches. @defaultValue `1`: no batches
   */
  readonly maxBatch?: number | undefined
  /** Is notified of failures. @defaultValue none */
  readonly observer?: WebhookObserver | undefined
  /** Sends the requests. @defaultValue the `fetch` of the runtime */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** The clock and its timers. @defaultValue the system clock */
  readonly clock?: Clock | undefined
  /** Returns a random number from 0 (inclusive) to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
}

/**
 * Why a webhook was dropped: too many waited (`full`), it could not be delivered within an hour (`expired`), the receiver
 * answered 410 (`gone`), or the process ended (`closed`).
 */
export type WebhookDropReason = 'full' | 'expired' | 'gone' | 'closed'

/** Is notified of webhooks that are not delivered. */
export interface WebhookObserver {
  /** Called when a request has failed. Its webhook is sent again, unless it is dropped. */
  failed?(error: Error): void
  /** Called when a request has succeeded after others have failed. */
  recovered?(): void
  /** Called when webhooks were dropped. */
  dropped?(count: number, reason: WebhookDropReason): void
}

/** The options with all defaults filled in. */
export interface WebhookSettings {
  readonly url: string
  readonly secrets: readonly string[]
  readonly maxWaiting: number
  readonly maxBatch: number
  readonly observer: WebhookObserver
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly clock: Clock
  readonly random: () => number
}

const KINDS: Kinds<WebhookOptions> = {
  url: KIND.text,
  secret: KIND.any,
  maxWaiting: COUNT,
  maxBatch: COUNT,
  observer: KIND.object,
  fetch: KIND.function,
  clock: CLOCK,
  random: KIND.function,
}

const OBSERVER_KINDS: Kinds<WebhookObserver> = {
  failed: KIND.function,
  recovered: KIND.function,
  dropped: KIND.function,
}

/** Fills in the defaults. @throws {HubError} `invalid-option` */
export function resolveWebhookOptions(options: WebhookOptions): WebhookSettings {
  checkOptions('createWebhooks', options, KINDS)
  checkOptions('observer of createWebhooks', options.observer ?? {}, OBSERVER_KINDS)
  const { url, secret, maxWaiting = 50_000, maxBatch = 1 } = options
  const { observer = {}, clock = systemClock } = options
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  if (typeof url !== 'string' || !isSecureUrl(url)) {
    throw new HubError('invalid-option', `url ${SECURE_URL_RULE}.`)
  }
  if (secrets.length === 0 || !secrets.every(isSecret)) {
    throw new HubError('invalid-option', `secret ${WEBHOOK_SECRET_RULE}.`)
  }
  checkRange('maxWaiting', maxWaiting, 1)
  checkRange('maxBatch', maxBatch, 1, 1_000)
  return {
    url,
    secrets: secrets.filter(isSecret),
    maxWaiting,
    maxBatch,
    observer: isolated(observer),
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    clock,
    random: options.random ?? Math.random,
  }
}

function isSecret(value: unknown): value is string {
  return typeof value === 'string' && isWebhookSecret(value)
}

/** Wraps an observer so that its errors, now or later, can't stop the webhooks. They go to `console.error`. */
function isolated(observer: WebhookObserver): WebhookObserver {
  return {
    failed: (error) => notify(() => observer.failed?.(error)),
    recovered: () => notify(() => observer.recovered?.()),
    dropped: (count, reason) => notify(() => observer.dropped?.(count, reason)),
  }
}

function notify(call: () => unknown): void {
  new Promise((resolve) => resolve(call())).catch((error: unknown) => console.error(error))
}
