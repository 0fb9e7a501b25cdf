/** Control frames: what a stream reports about itself: how it starts, from where, and what was lost. */
import { beatFrame, gapFrame, type Resume, readyFrame } from '../../core/control-events.ts'
import { type Position, partialCursor } from '../../core/cursor.ts'
import type { ReplayBatch } from '../../journal/journal.ts'
import type { HubMetrics } from '../metrics.ts'
import type { HubSettings } from '../options.ts'
import type { HubConnection } from './connection.ts'

/** What control frames need of the hub. */
export interface ControlFramesInit {
  readonly settings: Pick<HubSettings, 'random' | 'retryMs' | 'heartbeatMs'>
  readonly metrics: Pick<HubMetrics, 'openings' | 'gaps'>
  /** Queues a frame for one connection. */
  send(connection: HubConnection, frame: Uint8Array): void
}

/** Queues control frames for connections. */
export interface ControlFrames {
  /** Sends `hub:ready`, with the head of the journal if the batch is the last one and empty. */
  sendReady(connection: HubConnection, batch: ReplayBatch, resume: Resume): void
  /** Sends `hub:gap` if the batch has a gap. @param cursor - where it starts */
  sendGap(connection: HubConnection, batch: ReplayBatch, cursor: string): void
  /** Sends a heartbeat that moves the cursor to where the stream starts. */
  sendStart(connection: HubConnection, start: Position): void
}

/** Creates the control frames of a hub. */
export function createControlFrames({ settings, metrics, send }: ControlFramesInit): ControlFrames {
  const { random, retryMs, heartbeatMs } = settings
  return { sendReady, sendGap, sendStart }

  function sendReady(connection: HubConnection, batch: ReplayBatch, resume: Resume): void {
    const { id, client, topics } = connection
    metrics.openings[resume] += 1
    const isUpToDate = batch.entries.length === 0 && resume !== 'gap'
    const head = isUpToDate ? cursorAfter(batch) : undefined
    // After a crash, each client waits for this time. If it were the same, all would reconnect at once.
    const retryAfterMs = retryMs * (0.75 + 0.5 * random())
    const ready = { client, connection: id, topics, resume, heartbeatMs }
    send(connection, readyFrame(ready, retryAfterMs, head))
  }

  function sendGap(connection: HubConnection, batch: ReplayBatch, cursor: string): void {
    const { gap, entries } = batch
    if (!gap) return
    metrics.gaps[gap] += 1
    const [first] = entries
    const data = { requested: cursor.slice(0, 128), earliest: first?.id ?? null, reason: gap }
    send(connection, gapFrame(data, first ? undefined : cursorAfter(batch)))
  }

  function sendStart(connection: HubConnection, { id, sequence }: Position): void {
    connection.position = sequence
    send(connection, beatFrame(heartbeatMs, id))
  }
}

/** The cursor of a client that has received a batch, but not yet what it says is retained. */
export function cursorAfter({ end, retained }: ReplayBatch): string {
  return retained ? partialCursor(end) : end.id
}
