/** Webhooks: reports to a receiver by HTTP which clients come online and go offline, and tries again if that fails. */
import { isoTime, MAX_TIMER_MS } from '../core/clock.ts'
import { checkRange } from '../core/errors.ts'
import { createOutbox, type OutboxEvent } from './outbox.ts'
import { createPost, type PostResult, type WebhookMessage } from './post.ts'
import {
  resolveWebhookOptions,
  type WebhookDropReason,
  type WebhookOptions,
} from './webhook-options.ts'

/** What became of webhooks since the start. */
export interface WebhookStats {
  /** Webhooks that the receiver has accepted. */
  readonly delivered: number
  /** Webhooks that a later one of the same client has replaced before they were delivered. */
  readonly replaced: number
  /** Webhooks that were not delivered. */
  readonly dropped: number
  /** Requests that were sent again. */
  readonly retries: number
  /** Webhooks that wait or are being sent now. */
  readonly waiting: number
}

/** Webhooks for the clients of a hub. */
export interface Webhooks {
  /**
   * What `createHub` calls: `createHub({ ...webhooks.hooks })`. They resolve when the webhook no longer waits: it was
   * delivered, replaced by a later one of the same client, or dropped, but not because of `close`.
   * @param at - when that was, in milliseconds since 1970: of two about one client, the later one MUST NOT be earlier. @defaultValue now
   */
  readonly hooks: {
    onClientOnline(client: string, at?: number): Promise<void>
    onClientOffline(client: string, at?: number): Promise<void>
  }
  readonly stats: WebhookStats
  /** Sends what waits for at most `ms` milliseconds (default 10,000), and then drops it. Call it when the hub has closed. @throws {HubError} `invalid-option` */
  close(ms?: number): Promise<void>
}

/** Requests at the same time, while none fails. */
const MAX_REQUESTS = 16

/** Milliseconds after a failure until the next attempt: they double each time, up to the maximum. */
const MIN_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 60_000

/** Milliseconds after which a webhook is dropped. */
const MAX_AGE_MS = 3_600_000

/**
 * Creates webhooks. They hold no timer and send nothing until a hook is called.
 * @throws {HubError} `invalid-option`
 */
export function createWebhooks(options: WebhookOptions): Webhooks {
  const settings = resolveWebhookOptions(options)
  const { clock, random, observer, maxWaiting, maxBatch } = settings
  const post = createPost(settings)
  const outbox = createOutbox({ clock, maxWaiting, onDue: sendDue })
  const abort = new AbortController()
  const name = crypto.randomUUID()
  const counts = { delivered: 0, replaced: 0, dropped: 0, retries: 0 }
  /** Why nothing is sent any more. */
  let ended: WebhookDropReason | undefined
  let added = 0
  let batches = 0
  let requests = 0
  /** Failures since the last success. */
  let failures = 0
  let cancelPause: (() => void) | undefined
  /** When the pause ends, by the monotonic clock. */
  let pausedUntil = 0
  /** Whether the receiver has asked for the pause, which others of its answers neither end nor shorten. */
  let isAsked = false
  /** The latest time that the clock has shown. */
  let latest = 0
  /** What all calls of `close` wait for: the one with the least time ends it for all. */
  let idle: Promise<void> | undefined
  let onIdle = () => {}
  return {
    hooks: {
      onClientOnline: (client, at) => add('client.online', client, at),
      onClientOffline: (client, at) => add('client.offline', client, at),
    },
    get stats() {
      return { ...counts, waiting: outbox.size }
    },
    close,
  }

  async function add(type: string, client: string, at = latestTime()): Promise<void> {
    if (ended) {
      drop(1, ended)
      if (ended === 'closed') await new Promise(() => {})
      return
    }
    added += 1
    const id = `msg_${name}_${added}`
    const body = JSON.stringify({ type, timestamp: isoTime(at), data: { client } })
    await new Promise<void>((done) => {
      const waiting = { id, client, body, at: clock.monotonic(), attempts: 0, done }
      const displaced = outbox.add(waiting)
      if (displaced === 'replaced') counts.replaced += 1
      if (displaced === 'full') drop(1, 'full')
      sendDue()
    })
  }

  /** Receivers compare these times: a clock that is set back must not make the latest seem old. */
  function latestTime(): number {
    latest = Math.max(latest, clock.now())
    return latest
  }

  /** Sends as many as may be sent now. After a failure it is one, until one succeeds. */
  function sendDue(): void {
    while (!ended && !cancelPause && requests < (failures > 0 ? 1 : MAX_REQUESTS)) {
      const taken = outbox.take(maxBatch)
      if (taken.length === 0) return
      const isExpired = (event: OutboxEvent) => clock.monotonic() - event.at >= MAX_AGE_MS
      for (const event of taken.filter(isExpired)) giveUp(event, 'expired')
      const events = taken.filter((event) => !isExpired(event))
      if (events.length > 0) void send(events)
    }
  }

  async function send(events: readonly OutboxEvent[]): Promise<void> {
    requests += 1
    for (const event of events) {
      if (event.attempts > 0) counts.retries += 1
      event.attempts += 1
    }
    const result = await post(messageOf(events), abort.signal)
    requests -= 1
    if (result.ok) onDelivered(events)
    else onFailed(events, result)
    sendDue()
    if (outbox.size === 0) onIdle()
  }

  function messageOf(events: readonly OutboxEvent[]): WebhookMessage {
    const [only] = events
    if (only && events.length === 1) return only
    batches += 1
    // Each body is an object of JSON, to which its id is added.
    const list = events.map(({ id, body }) => `{"id":"${id}",${body.slice(1)}`)
    const timestamp = isoTime(latestTime())
    return {
      id: `msg_${name}_batch_${batches}`,
      body: `{"type":"batch","timestamp":"${timestamp}","data":{"events":[${list}]}}`,
    }
  }

  function onDelivered(events: readonly OutboxEvent[]): void {
    // They were counted as dropped when everything ended.
    if (ended) return
    for (const event of events) outbox.remove(event)
    counts.delivered += events.length
    if (failures > 0) observer.recovered?.()
    failures = 0
    if (!isAsked) endPause()
  }

  function onFailed(
    events: readonly OutboxEvent[],
    { status, retryAfterMs, reason }: PostResult,
  ): void {
    if (ended) return
    observer.failed?.(new Error(reason))
    if (status === 410) {
      end('gone')
      return
    }
    // Requests that were sent at the same time fail together: they count once.
    if (!cancelPause) failures += 1
    if (!cancelPause || retryAfterMs > 0) pause(Math.max(retryAfterMs, backoffMs(failures)))
    isAsked ||= retryAfterMs > 0
    for (const event of events) {
      const waitMs = backoffMs(event.attempts)
      if (clock.monotonic() + waitMs - event.at >= MAX_AGE_MS) giveUp(event, 'expired')
      else if (!outbox.postpone(event, waitMs)) counts.replaced += 1
    }
  }

  function pause(ms: number): void {
    const end = clock.monotonic() + ms
    if (cancelPause && end <= pausedUntil) return
    pausedUntil = end
    cancelPause?.()
    cancelPause = undefined
    try {
      cancelPause = clock.every(ms, () => {
        endPause()
        sendDue()
      })
    } catch {
      // There are too many timers. Without one, nothing would end the pause.
    }
  }

  function endPause(): void {
    cancelPause?.()
    cancelPause = undefined
    isAsked = false
  }

  function backoffMs(attempts: number): number {
    const ms = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(attempts - 1, 10))
    return ms * (0.5 + random() / 2)
  }

  function giveUp(event: OutboxEvent, reason: WebhookDropReason): void {
    outbox.remove(event)
    drop(1, reason)
  }

  function drop(count: number, reason: WebhookDropReason): void {
    counts.dropped += count
    observer.dropped?.(count, reason)
  }

  function end(reason: WebhookDropReason): void {
    ended = reason
    endPause()
    abort.abort(new Error('webhooks have ended'))
    const left = outbox.clear()
    if (left.length > 0) drop(left.length, reason)
    // The next process may send what this one can't.
    if (reason !== 'closed') for (const { done } of left) done()
    onIdle()
  }

  async function close(ms = 10_000): Promise<void> {
    checkRange('ms', ms, 0, MAX_TIMER_MS)
    if (!ended && outbox.size > 0) {
      idle ??= new Promise((resolve) => {
        onIdle = resolve
      })
      const cancel = clock.every(ms, onIdle)
      // What waits after a failure has one more chance now.
      endPause()
      outbox.hurry()
      sendDue()
      await idle
      cancel()
    }
    if (!ended) end('closed')
  }
}
