/** The hub's own events: what it tells a client about the stream itself. */
import { encodeFrame } from './event.ts'

/** How a stream begins: no cursor came; nothing was missed for good; something was. */
export type Resume = 'fresh' | 'complete' | 'gap'

/** Why a replay is not complete: the cursor is of another life of the journal, or too old. */
export type GapReason = 'epoch' | 'evicted'

/** Why the hub ends a stream. */
export type ByeReason =
  | 'shutdown'
  | 'slow'
  | 'expired'
  | 'disconnected'
  | 'at-capacity'
  | 'lifetime'

/** What `hub:ready` tells. */
export interface ReadyEvent {
  readonly client: string
  readonly connection: string
  readonly topics: readonly string[]
  readonly resume: Resume
}

/** What `hub:gap` tells: the cursor that came, and the first event that can still be replayed. */
export interface GapEvent {
  readonly requested: string
  readonly earliest: string | null
  readonly reason: GapReason
}

/** Opens every stream. `id` only when no replay follows, else a client that drops in it skips the rest. */
export function readyFrame(ready: ReadyEvent, retryMs: number, id?: string): Uint8Array {
  return encodeFrame({ retry: retryMs, id, event: 'hub:ready', data: JSON.stringify(ready) })
}

/** Says that events are lost. `id` only when nothing can be replayed. */
export function gapFrame(gap: GapEvent, id?: string): Uint8Array {
  return encodeFrame({ id, event: 'hub:gap', data: JSON.stringify(gap) })
}

/** Keeps a quiet stream open and, with the head of the journal as `id`, its client's cursor young. */
export function beatFrame(heartbeatMs: number, id?: string): Uint8Array {
  return encodeFrame({ id, event: 'hub:beat', data: String(heartbeatMs / 1000) })
}

/** Ends a stream, and says when to come back. */
export function byeFrame(reason: ByeReason, retryMs: number): Uint8Array {
  return encodeFrame({ retry: retryMs, event: 'hub:bye', data: JSON.stringify({ reason }) })
}
