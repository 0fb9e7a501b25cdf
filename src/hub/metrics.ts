/** What a hub counts: plain numbers, added once for an event or a batch, and read when somebody asks. */
import type { AddressKind } from '../core/address.ts'
import { EVERYONE } from '../core/address.ts'
import type { ByeReason, GapReason, Resume } from '../core/control-events.ts'
import type { Journal, JournalStats } from '../journal/journal.ts'
import type { RejectionReason } from './options.ts'
import type { Registry } from './registry.ts'

/** How often something was observed, by how large it was. */
export interface Histogram {
  /** The largest value of each bucket but the last, in growing order; the last has no bound. */
  readonly bounds: readonly number[]
  /** Observations by bucket: one more than there are bounds. */
  readonly counts: number[]
  /** All that was observed, added up. */
  sum: number
}

/** All that is counted, since the start. */
export interface HubMetrics {
  /** Events that were taken in to be published at this hub, whether or not the journal could store them. */
  readonly publishes: Record<AddressKind, number>
  /** Events times the connections that they were queued for. */
  deliveries: number
  /** The bytes of their frames, times the connections. */
  deliveredBytes: number
  /** Streams opened, by how they went on. */
  readonly openings: Record<Resume, number>
  /** Times that a connection began to catch up from a cursor. */
  replays: number
  /** Events that were read from the journal for those. */
  replayedEvents: number
  readonly gaps: Record<GapReason, number>
  /** Goodbyes said, also to streams that were refused. */
  readonly goodbyes: Record<ByeReason, number>
  /** Streams that ended without a goodbye: the client has left, or the transport has failed. */
  departures: number
  readonly refusals: Record<RejectionReason, number>
  /** How long a flush took from its first write to its last, in milliseconds. */
  readonly flushMs: Histogram
  /** How long an event waited until the last write of its batch, in milliseconds. */
  readonly delayMs: Histogram
}

/** Milliseconds; the clock tells no less than one, and on Workers it stands still while code runs. */
const BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000]

/** Makes a metrics of nothing. */
export function createHubMetrics(): HubMetrics {
  return {
    publishes: { client: 0, topic: 0, everyone: 0 },
    deliveries: 0,
    deliveredBytes: 0,
    openings: { fresh: 0, complete: 0, gap: 0 },
    replays: 0,
    replayedEvents: 0,
    gaps: { epoch: 0, evicted: 0 },
    goodbyes: {
      shutdown: 0,
      slow: 0,
      expired: 0,
      disconnected: 0,
      'at-capacity': 0,
      lifetime: 0,
    },
    departures: 0,
    refusals: { shutdown: 0, 'at-capacity': 0, blocked: 0, 'rate-limited': 0 },
    flushMs: createHistogram(BOUNDS_MS),
    delayMs: createHistogram(BOUNDS_MS),
  }
}

/** Makes a histogram of nothing. */
export function createHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 }
}

/** Adds a value that was observed `times` times. */
export function observe(histogram: Histogram, value: number, times = 1): void {
  const { bounds, counts } = histogram
  let bucket = 0
  while (value > (bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
  counts[bucket] = (counts[bucket] ?? 0) + times
  histogram.sum += value * times
}

/** Figures of the moment and since the start. */
export interface HubStats {
  readonly connections: number
  readonly clients: number
  readonly topics: number
  /** Streams that said goodbye and are not over yet. */
  readonly closing: number
  /** What waits for all connections together. */
  readonly queuedBytes: number
  /** What waits for the connection with the longest queue. */
  readonly longestQueueBytes: number
  /** Connections whose transport is busy with what it was given. */
  readonly stalled: number
  /** Events since the start. */
  readonly published: number
  /** Events times the connections that they were queued for, since the start. */
  readonly delivered: number
  /** All that is counted since the start. */
  readonly metrics: HubMetrics
  readonly journal: Partial<JournalStats> & { readonly ready: boolean }
}

/** What figures are taken of. */
export interface StatsInit {
  readonly journal: Journal
  readonly registry: Registry
  /** Streams that said goodbye and are not over yet. */
  readonly closing: number
  readonly metrics: HubMetrics
}

/** Takes the figures; it looks at every connection. */
export function collectStats({ journal, registry, closing, metrics }: StatsInit): HubStats {
  const { client, topic, everyone } = metrics.publishes
  return {
    ...registry.count(),
    closing,
    ...queuesIn(registry),
    published: client + topic + everyone,
    delivered: metrics.deliveries,
    metrics: structuredClone(metrics),
    journal: { ready: journal.ready ?? true, ...journal.stats },
  }
}

function queuesIn(registry: Registry) {
  let queuedBytes = 0
  let longestQueueBytes = 0
  let stalled = 0
  for (const connection of registry.at(EVERYONE)) {
    queuedBytes += connection.queuedBytes
    longestQueueBytes = Math.max(longestQueueBytes, connection.queuedBytes)
    if (connection.stalledSince !== undefined) stalled += 1
  }
  return { queuedBytes, longestQueueBytes, stalled }
}
