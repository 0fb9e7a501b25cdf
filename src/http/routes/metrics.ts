/** The route that Prometheus scrapes: the figures of one hub, in base units. */
import { Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { Hub } from '../../hub/hub.ts'
import type { HubStats } from '../../hub/metrics.ts'
import type { Access } from '../auth/authorizer.ts'
import { requireOperate } from '../middleware/authorize.ts'
import { counter, gauge, histogram, METRICS_TYPE, type Values } from '../prometheus.ts'
import { asRoutes, type StreamRoute } from './types.ts'

/** What the route tells of. */
export interface MetricsRoutesInit {
  readonly hub: Hub
  readonly access: Access | undefined
  /** Requests that were answered with an error, by status. */
  readonly errors: ReadonlyMap<number, number>
}

/** The route of the figures, as a type. */
export type MetricsRoutes = {
  '/metrics': { $get: StreamRoute<object> }
}

/** The route for operators. */
export function metricsRoutes({
  hub,
  access,
  errors,
}: MetricsRoutesInit): Hono<BlankEnv, MetricsRoutes> {
  const app = new Hono().get('/metrics', requireOperate(access), (c) =>
    c.body(expose(hub.stats(), errors), 200, { 'Content-Type': METRICS_TYPE }),
  )
  return asRoutes(app)
}

function expose(stats: HubStats, errors: ReadonlyMap<number, number>): string {
  const byStatus = [...errors].map(([status, count]) => [String(status), count] as const)
  const parts = [moment(stats), events(stats), streams(stats), journal(stats)]
  parts.push([
    counter('hono_sse_request_errors_total', 'Requests answered with an error.', {
      label: 'status',
      values: byStatus,
    }),
  ])
  return parts.flat().join('')
}

function moment(stats: HubStats): string[] {
  return [
    gauge('hono_sse_connections', 'Open streams.', stats.connections),
    gauge('hono_sse_clients', 'Clients with an open stream.', stats.clients),
    gauge('hono_sse_topics', 'Topics that an open stream follows.', stats.topics),
    gauge(
      'hono_sse_closing_connections',
      'Streams that said goodbye and are not over yet.',
      stats.closing,
    ),
    gauge(
      'hono_sse_stalled_connections',
      'Open streams whose transport is busy with what it was given.',
      stats.stalled,
    ),
    gauge('hono_sse_queued_bytes', 'What waits for all open streams.', stats.queuedBytes),
    gauge(
      'hono_sse_longest_queue_bytes',
      'What waits for the open stream with the longest queue.',
      stats.longestQueueBytes,
    ),
  ]
}

function events({ metrics }: HubStats): string[] {
  return [
    counter(
      'hono_sse_publishes_total',
      'Events taken in to be published, stored or not.',
      by('address', metrics.publishes),
    ),
    counter(
      'hono_sse_deliveries_total',
      'Events times the open streams that they were queued for.',
      metrics.deliveries,
    ),
    counter(
      'hono_sse_delivered_bytes_total',
      'Bytes of events times the open streams that they were queued for.',
      metrics.deliveredBytes,
    ),
    histogram(
      'hono_sse_delivery_delay_seconds',
      'Events by how long they waited for the last write of their flush.',
      metrics.delayMs,
    ),
    histogram(
      'hono_sse_flush_duration_seconds',
      'Flushes by how long they took from the first write to the last.',
      metrics.flushMs,
    ),
  ]
}

function streams({ metrics }: HubStats): string[] {
  return [
    counter(
      'hono_sse_openings_total',
      'Streams opened, by how they went on.',
      by('resume', metrics.openings),
    ),
    counter(
      'hono_sse_replays_total',
      'Times that a stream began to catch up from a cursor.',
      metrics.replays,
    ),
    counter(
      'hono_sse_replayed_events_total',
      'Events read from the journal for streams that caught up.',
      metrics.replayedEvents,
    ),
    counter('hono_sse_gaps_total', 'Gaps told.', by('reason', metrics.gaps)),
    counter(
      'hono_sse_goodbyes_total',
      'Goodbyes said, those to refused streams included.',
      by('reason', metrics.goodbyes),
    ),
    counter(
      'hono_sse_departures_total',
      'Streams that ended without a goodbye.',
      metrics.departures,
    ),
    counter('hono_sse_refusals_total', 'Streams refused.', by('reason', metrics.refusals)),
  ]
}

function journal({ journal: { ready, events, bytes, reconnects } }: HubStats): string[] {
  return [
    gauge('hono_sse_journal_up', 'Whether events can be stored and read.', Number(ready)),
    gauge('hono_sse_journal_events', 'Events kept, for all who share the journal.', events),
    gauge('hono_sse_journal_bytes', 'The same with what keeping them costs.', bytes),
    counter(
      'hono_sse_journal_reconnects_total',
      'Times that the journal was reached again after it was lost.',
      reconnects,
    ),
  ]
}

function by(label: string, counts: Readonly<Record<string, number>>): Values {
  return { label, values: Object.entries(counts) }
}
