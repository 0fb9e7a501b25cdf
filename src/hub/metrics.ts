/** Metrics: plain numbers that a hub increments once per event or batch, and copies when they are read. */
import type { AddressKind } from '../core/address.ts'
import { EVERYONE } from '../core/address.ts'
import type { ByeReason, GapReason, Resume } from '../core/control-events.ts'
import type { Journal, JournalStats } from '../journal/journal.ts'
import type { HubConnection } from './connections/connection.ts'
import type { Registry } from './connections/registry.ts'
import type { EndReason, RejectionReason } from './hooks/hooks.ts'

/** The distribution of observed values. */
export interface Histogram {
  /** The upper bounds of all buckets but the last, in ascending order; the last bucket has no bound. */
  readonly bounds: readonly number[]
  /** The number of observations in each bucket: one element more than `bounds`. */
  readonly counts: number[]
  /** The sum of all observed values. */
  sum: number
}

/** The counters of a hub since its start. */
export interface HubMetrics {
  /**
   * Valid events that were published at this hub, whether or not the journal could store them. One with an idempotency
   * key counts once it is stored.
   */
  readonly publishes: Record<AddressKind, number>
  /** Publishes that were repeated with their idempotency key, and stored nothing. */
  repetitions: number
  /** Deliveries: each event counts once per connection that it was queued for. */
  deliveries: number
  /** The bytes of all delivered frames. */
  deliveredBytes: number
  /** Streams opened, by how they started. */
  readonly openings: Record<Resume, number>
  /** The number of times that a connection started to catch up from a cursor. */
  replays: number
  /** Events read from the journal for replays. */
  replayedEvents: number
  readonly gaps: Record<GapReason, number>
  /** `hub:bye` events sent, including those to refused streams. */
  readonly goodbyes: Record<ByeReason, number>
  /** Streams that ended, by why. `left`: without `hub:bye`, because the client disconnected, or the transport failed. */
  readonly endings: Record<EndReason, number>
  readonly refusals: Record<RejectionReason, number>
  /** How long a flush took from its first write to its last, in milliseconds. */
  readonly flushMs: Histogram
  /** How long streams were open, observed when they end, in milliseconds. */
  readonly lifetimeMs: Histogram
  /** How long an event waited until the last write of its batch, in milliseconds. */
  readonly delayMs: Histogram
}

/** Bucket bounds in milliseconds. The clock has a resolution of 1 ms, and on Workers it does not advance while code runs. */
const BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000]

/** Bucket bounds in milliseconds: from a client that can't stay to several of the usual lifetimes. */
const LIFETIME_BOUNDS_MS = [1, 10, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 86_400].map(
  (seconds) => seconds * 1_000,
)

const BYES: Readonly<Record<ByeReason, number>> = {
  shutdown: 0,
  slow: 0,
  expired: 0,
  disconnected: 0,
  'at-capacity': 0,
  lifetime: 0,
}

/** Creates metrics with all counters at zero. */
export function createHubMetrics(): HubMetrics {
  return {
    publishes: { client: 0, topic: 0, everyone: 0, several: 0 },
    repetitions: 0,
    deliveries: 0,
    deliveredBytes: 0,
    openings: { fresh: 0, complete: 0, gap: 0 },
    replays: 0,
    replayedEvents: 0,
    gaps: { epoch: 0, evicted: 0 },
    goodbyes: { ...BYES },
    endings: { ...BYES, left: 0 },
    refusals: { shutdown: 0, 'at-capacity': 0, blocked: 0, 'rate-limited': 0 },
    flushMs: createHistogram(BOUNDS_MS),
    lifetimeMs: createHistogram(LIFETIME_BOUNDS_MS),
    delayMs: createHistogram(BOUNDS_MS),
  }
}

/** Creates an empty histogram. */
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

/** The statistics of a hub: its current state, and counters since its start. */
export interface HubStats {
  readonly connections: number
  readonly clients: number
  readonly topics: number
  /** Streams that were sent `hub:bye` and have not ended yet. */
  readonly closing: number
  /** Bytes queued for all connections together. */
  readonly queuedBytes: number
  /** Bytes queued for the connection with the longest queue. */
  readonly longestQueueBytes: number
  /** Connections whose transport has not accepted its last write yet. */
  readonly stalled: number
  /** Events published since the start. */
  readonly published: number
  /** Deliveries since the start: each event counts once per connection that it was queued for. */
  readonly delivered: number
  /** All counters since the start. */
  readonly metrics: HubMetrics
  readonly journal: Partial<JournalStats> & { readonly ready: boolean }
}

/** What the statistics are collected from. */
export interface StatsInit {
  readonly journal: Journal
  readonly registry: Registry
  readonly flusher: {
    /** Returns all connections that have something queued, among others. */
    backlog(): ReadonlySet<HubConnection>
  }
  /** Streams that were sent `hub:bye` and have not ended yet. */
  readonly closing: number
  readonly metrics: HubMetrics
}

/** Collects the statistics. Takes time proportional to the number of connections that have something queued. */
export function collectStats({
  journal,
  registry,
  flusher,
  closing,
  metrics,
}: StatsInit): HubStats {
  const { client, topic, everyone, several } = metrics.publishes
  return {
    ...registry.count(),
    closing,
    ...queuesOf(flusher.backlog(), registry.at(EVERYONE)),
    published: client + topic + everyone + several,
    delivered: metrics.deliveries,
    metrics: structuredClone(metrics),
    journal: { ready: journal.ready ?? true, ...journal.stats },
  }
}

function queuesOf(backlog: ReadonlySet<HubConnection>, open: ReadonlySet<HubConnection>) {
  let queuedBytes = 0
  let longestQueueBytes = 0
  let stalled = 0
  for (const connection of backlog) {
    // Others are closing, or belong to an iteration of the application.
    if (!open.has(connection)) continue
    queuedBytes += connection.queuedBytes
    longestQueueBytes = Math.max(longestQueueBytes, connection.queuedBytes)
    if (connection.busy) stalled += 1
  }
  return { queuedBytes, longestQueueBytes, stalled }
}
