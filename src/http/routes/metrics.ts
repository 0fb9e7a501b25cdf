/** The route that Prometheus scrapes: the metrics of one hub, in base units. */
import { type Context, Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { Hub } from '../../hub/hub-types.ts'
import type { HubStats } from '../../hub/metrics.ts'
import type { Access } from '../auth/authorizer.ts'
import { requireMetrics } from '../middleware/authorize.ts'
import { counter, gauge, histogram, METRICS_TYPE, type Values } from '../prometheus.ts'
import { asRoutes, type StreamRoute } from './types.ts'

/** What the route requires. */
export interface MetricsRoutesInit {
  readonly hub: Hub
  readonly access: Access | undefined
  /** The number of error responses, by status. */
  readonly errors: ReadonlyMap<number, number>
  /** Metrics of the application. @defaultValue none */
  readonly more: (() => string | Promise<string>) | undefined
  onError(error: unknown, c: Context): void
}

/** The type of the metrics route. */
export type MetricsRoutes = {
  '/metrics': { $get: StreamRoute<object> }
}

/** Returns a function that returns the metrics of several processes. @param own - returns those of this one */
export type ShareMetrics = (own: () => Promise<string>) => () => Promise<string>

/** The hubs of processes that report the metrics of others, too. */
const shared = new WeakMap<object, ShareMetrics>()

/** Makes an app that is created later for this hub report the metrics of several processes. */
export function shareMetrics(hub: object, share: ShareMetrics): void {
  shared.set(hub, share)
}

/** Creates the metrics route. */
export function metricsRoutes({
  hub,
  access,
  errors,
  more,
  onError,
}: MetricsRoutesInit): Hono<BlankEnv, MetricsRoutes> {
  const all = shared.get(hub)?.(own)
  const app = new Hono().get('/metrics', requireMetrics(access), async (c) => {
    const text = await (all ?? own)((error) => onError(error, c))
    return c.body(text, 200, { 'Content-Type': METRICS_TYPE })
  })
  return asRoutes(app)

  async function own(onFailure: (error: unknown) => void = () => {}): Promise<string> {
    const added = await addedBy(onFailure)
    return expose(hub.stats(), errors) + added
  }

  /** Returns the metrics of the application, whose failure must not hide those of the hub. */
  async function addedBy(onFailure: (error: unknown) => void): Promise<string> {
    try {
      const text = (await more?.()) ?? ''
      return text === '' || text.endsWith('\n') ? text : `${text}\n`
    } catch (error) {
      onFailure(error)
      return ''
    }
  }
}

function expose(stats: HubStats, errors: ReadonlyMap<number, number>): string {
  const byStatus = [...errors].map(([status, count]) => [String(status), count] as const)
  const parts = [current(stats), events(stats), streams(stats), journalMetrics(stats.journal)]
  parts.push([
    counter(
      'hono_sse_request_errors_total',
      'Requests that led to an error response, and events of a batch that were refused.',
      {
        label: 'status',
        values: byStatus,
      },
    ),
  ])
  return parts.flat().join('')
}

function current(stats: HubStats): string[] {
  return [
    gauge('hono_sse_connections', 'Open streams.', stats.connections),
    gauge('hono_sse_clients', 'Clients with an open stream.', stats.clients),
    gauge(
      'hono_sse_topics',
      'Topics and patterns that at least one open stream follows.',
      stats.topics,
    ),
    gauge(
      'hono_sse_closing_connections',
      'Streams that were sent hub:bye and have not ended yet.',
      stats.closing,
    ),
    gauge(
      'hono_sse_stalled_connections',
      'Open streams whose transport has not accepted the last write yet.',
      stats.stalled,
    ),
    gauge('hono_sse_queued_bytes', 'Bytes queued for all open streams.', stats.queuedBytes),
    gauge(
      'hono_sse_longest_queue_bytes',
      'Bytes queued for the open stream with the longest queue.',
      stats.longestQueueBytes,
    ),
  ]
}

function events({ metrics }: HubStats): string[] {
  return [
    counter(
      'hono_sse_publishes_total',
      'Events accepted for publishing, whether or not the journal stored them.',
      by('address', metrics.publishes),
    ),
    counter(
      'hono_sse_repetitions_total',
      'Publishes that were repeated with their idempotency key, and stored nothing.',
      metrics.repetitions,
    ),
    counter(
      'hono_sse_deliveries_total',
      'Events queued for streams, counted once for each stream.',
      metrics.deliveries,
    ),
    counter(
      'hono_sse_delivered_bytes_total',
      'Bytes of events queued for streams, counted once for each stream.',
      metrics.deliveredBytes,
    ),
    histogram(
      'hono_sse_delivery_delay_seconds',
      'Time that events waited until the last write of their flush.',
      metrics.delayMs,
    ),
    histogram(
      'hono_sse_flush_duration_seconds',
      'Duration of flushes, from the first write to the last.',
      metrics.flushMs,
    ),
  ]
}

function streams({ metrics }: HubStats): string[] {
  return [
    counter(
      'hono_sse_openings_total',
      'Streams opened, by how they resumed.',
      by('resume', metrics.openings),
    ),
    counter(
      'hono_sse_replays_total',
      'Times that a stream started to catch up from a cursor.',
      metrics.replays,
    ),
    counter(
      'hono_sse_replayed_events_total',
      'Events read from the journal for streams that were catching up.',
      metrics.replayedEvents,
    ),
    counter('hono_sse_gaps_total', 'Gaps reported with hub:gap.', by('reason', metrics.gaps)),
    counter(
      'hono_sse_goodbyes_total',
      'hub:bye events sent, including those to refused streams.',
      by('reason', metrics.goodbyes),
    ),
    counter(
      'hono_sse_endings_total',
      'Streams that ended, by why; left: without hub:bye.',
      by('reason', metrics.endings),
    ),
    histogram(
      'hono_sse_stream_lifetime_seconds',
      'Time that streams were open, observed when they end.',
      metrics.lifetimeMs,
    ),
    counter('hono_sse_refusals_total', 'Streams refused.', by('reason', metrics.refusals)),
  ]
}

/** Writes the metrics of a journal. */
export function journalMetrics(journal: HubStats['journal']): string[] {
  const { ready, events, bytes, maxBytes, evicted, retained, reconnects, ignored } = journal
  return [
    gauge(
      'hono_sse_journal_up',
      'Whether the journal is ready: whether events can be stored and read.',
      Number(ready),
    ),
    gauge(
      'hono_sse_journal_events',
      'Events in the journal, which several instances may share.',
      events,
    ),
    gauge('hono_sse_journal_bytes', 'Bytes that the journal uses, including its overhead.', bytes),
    gauge('hono_sse_journal_max_bytes', 'The bound of the bytes that the journal uses.', maxBytes),
    counter(
      'hono_sse_journal_evicted_total',
      'Events evicted from the journal since this process started, whatever the bound.',
      evicted,
    ),
    gauge('hono_sse_journal_retained_events', 'Retained events.', retained?.events),
    gauge(
      'hono_sse_journal_retained_bytes',
      'Bytes of the retained events, including their overhead.',
      retained?.bytes,
    ),
    gauge(
      'hono_sse_journal_retained_max_bytes',
      'The bound of the bytes of the retained events.',
      retained?.maxBytes,
    ),
    counter(
      'hono_sse_journal_retained_evicted_total',
      'Retained events evicted since this process started.',
      retained?.evicted,
    ),
    counter(
      'hono_sse_journal_reconnects_total',
      'Times that the connection to the journal was restored.',
      reconnects,
    ),
    counter(
      'hono_sse_journal_ignored_messages_total',
      'Messages from other instances or programs that the journal could not use.',
      ignored,
    ),
  ]
}

function by(label: string, counts: Readonly<Record<string, number>>): Values {
  return { label, values: Object.entries(counts) }
}
