/** Sends the webhooks that the configuration describes, and reports in the log and in metrics what became of them. */
import type { Clock } from '../../core/clock.ts'
import { counter, gauge } from '../../http/prometheus.ts'
import type { WebhookDropReason, WebhookObserver } from '../../webhooks/webhook-options.ts'
import { createWebhooks, type Webhooks } from '../../webhooks/webhooks.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'

/** Creates the webhooks of a server; undefined without `WEBHOOK_URL`. */
export function openWebhooks(
  { WEBHOOK_URL: url, WEBHOOK_SECRET: secret, WEBHOOK_BATCH_EVENTS: maxBatch }: Config,
  log: Logger,
  clock: Clock,
): Webhooks | undefined {
  if (url === undefined) return undefined
  return createWebhooks({ url, secret, maxBatch, clock, observer: webhookLogger(log, clock) })
}

/** Milliseconds for which one line of a kind is written; others are written at `debug`. */
const QUIET_MS = 60_000

/** Logs failures: the first of a minute, and how many webhooks were dropped since the last such line. */
export function webhookLogger(
  log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>,
  clock: Pick<Clock, 'monotonic'>,
): WebhookObserver {
  let failedUntil = Number.NEGATIVE_INFINITY
  let droppedUntil = Number.NEGATIVE_INFINITY
  let isFailing = false
  let isGone = false
  let count = 0
  return { failed, recovered, dropped }

  function failed({ message: reason }: Error): void {
    const now = clock.monotonic()
    if (now < failedUntil) {
      log.debug('a webhook failed', { reason })
      return
    }
    failedUntil = now + QUIET_MS
    isFailing = true
    log.warn('a webhook failed, and is sent again: the receiver must answer with 2xx', { reason })
  }

  function recovered(): void {
    if (isFailing) log.info('webhooks are accepted again')
    isFailing = false
  }

  function dropped(more: number, reason: WebhookDropReason): void {
    count += more
    if (reason === 'gone' && !isGone) {
      isGone = true
      log.error('the receiver of webhooks answered 410: none is sent until the server is restarted')
    }
    const now = clock.monotonic()
    if (isGone || (reason !== 'closed' && now < droppedUntil)) return
    droppedUntil = now + QUIET_MS
    log.error('webhooks dropped: compare GET /clients with what the receiver knows', {
      count,
      reason,
    })
    count = 0
  }
}

/** Writes the metrics of webhooks. */
export function webhookMetrics({ stats }: Pick<Webhooks, 'stats'>): string {
  const { delivered, replaced, dropped, retries, waiting } = stats
  return [
    counter('hono_sse_webhooks_total', 'Webhooks that no longer wait, by what became of them.', {
      label: 'result',
      values: Object.entries({ delivered, replaced, dropped }),
    }),
    counter(
      'hono_sse_webhook_retries_total',
      'Requests with a webhook that was sent before.',
      retries,
    ),
    gauge('hono_sse_webhooks_waiting', 'Webhooks that wait to be delivered.', waiting),
  ].join('')
}
