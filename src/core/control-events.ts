/** Control events: what the hub reports to a client about the stream itself. */
import { encodeFrame } from './event.ts'

/** How a stream starts: without a cursor; with a complete replay; with a replay that has a gap. */
export type Resume = 'fresh' | 'complete' | 'gap'

/** Why a replay is incomplete: the cursor belongs to another epoch, or events after it were evicted. */
export type GapReason = 'epoch' | 'evicted'

/** Why the hub ends a stream. */
export type ByeReason =
  | 'shutdown'
  | 'slow'
  | 'expired'
  | 'disconnected'
  | 'at-capacity'
  | 'lifetime'

/** The data of `hub:ready`. */
export interface ReadyEvent {
  readonly client: string
  readonly connection: string
  readonly topics: readonly string[]
  readonly resume: Resume
  /** Milliseconds between two `hub:beat`: after two of them without a byte, the connection is dead. */
  readonly heartbeatMs: number
}

/** The data of `hub:gap`. */
export interface GapEvent {
  /** The cursor that the client sent. */
  readonly requested: string
  /** The id of the first event that can still be replayed. */
  readonly earliest: string | null
  readonly reason: GapReason
}

/**
 * Encodes `hub:ready`, the first frame of every stream that the hub opens. Pass `id` only if no replay follows:
 * otherwise a client that disconnects during the replay would skip the rest of it.
 */
export function readyFrame(ready: ReadyEvent, retryMs: number, id?: string): Uint8Array {
  return encodeFrame({ retry: retryMs, id, event: 'hub:ready', data: JSON.stringify(ready) })
}

/** Encodes `hub:gap`, which reports that events are lost. Pass `id` only if nothing can be replayed. */
export function gapFrame(gap: GapEvent, id?: string): Uint8Array {
  return encodeFrame({ id, event: 'hub:gap', data: JSON.stringify(gap) })
}

/**
 * Encodes `hub:beat`, which keeps an idle stream open. With the head of the journal as `id`, it also
 * keeps the client's cursor recent.
 */
export function beatFrame(heartbeatMs: number, id?: string): Uint8Array {
  return encodeFrame({ id, event: 'hub:beat', data: String(heartbeatMs / 1000) })
}

/** Encodes `hub:bye`, the last frame of a stream, with the delay before the client reconnects. */
export function byeFrame(reason: ByeReason, retryMs: number): Uint8Array {
  return encodeFrame({ retry: retryMs, event: 'hub:bye', data: JSON.stringify({ reason }) })
}
