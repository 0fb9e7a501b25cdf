/** The figures of a hub: of this moment, and since its start. */
import { EVERYONE } from './address.ts'
import type { Exits } from './exits.ts'
import type { Journal, JournalFigures } from './journal.ts'
import type { Registry } from './registry.ts'
import type { Tally } from './tally.ts'

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
  readonly tally: Tally
  readonly journal: Partial<JournalFigures> & { readonly ready: boolean }
}

/** What figures are taken of. */
export interface StatsInit {
  readonly journal: Journal
  readonly registry: Registry
  readonly exits: Pick<Exits, 'size'>
  readonly tally: Tally
}

/** Takes the figures; it looks at every connection. */
export function takeStats({ journal, registry, exits, tally }: StatsInit): HubStats {
  const { client, topic, everyone } = tally.publishes
  return {
    ...registry.count(),
    closing: exits.size,
    ...queuesIn(registry),
    published: client + topic + everyone,
    delivered: tally.deliveries,
    tally: structuredClone(tally),
    journal: { ready: journal.ready ?? true, ...journal.figures },
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
