/** What Redis sends, in the words of the hub. */

import type { GapReason } from '../../core/control-events.ts'
import { positionOf } from '../../core/cursor.ts'
import type { ReplayBatch } from '../journal.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** `id: ` as bytes, and how long such a line can be. */
const ID = [105, 100, 58, 32]
const MAX_ID_BYTES = 64
const LINE_FEED = 10

/** A message that is no frame. */
export function textOf(message: Uint8Array): string {
  return decoder.decode(message)
}

/** The id with which a frame begins; undefined for one that is not kept, which has none. */
export function idOf(frame: Uint8Array): string | undefined {
  if (ID.some((byte, at) => frame[at] !== byte)) return undefined
  const end = frame.subarray(0, MAX_ID_BYTES).indexOf(LINE_FEED)
  return decoder.decode(frame.subarray(ID.length, end))
}

/** The frames of a message: what one call published at one address, one behind another. */
export function framesOf(message: Uint8Array): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  let from = 0
  for (let at = message.indexOf(LINE_FEED); at >= 0; at = message.indexOf(LINE_FEED, at + 1)) {
    if (message[at + 1] !== LINE_FEED) continue
    at += 1
    frames.push(message.subarray(from, at + 1))
    from = at + 1
  }
  return frames
}

/** A page from the reply of the script that reads. */
export function toReplayBatch(reply: unknown): ReplayBatch {
  const [epoch, end, gap, done, ...frames] = reply as [string, number, string, number, ...string[]]
  const entries = frames.map((frame) => {
    const end = frame.indexOf('\n')
    // Written in an older epoch, maybe: cursors are this one's.
    const place = positionOf(epoch, Number(frame.slice(frame.indexOf('-') + 1, end)))
    return { ...place, frame: encoder.encode(`id: ${place.id}${frame.slice(end)}`) }
  })
  const reason = gap === '' ? undefined : (gap as GapReason)
  return { entries, end: positionOf(epoch, end), done: done === 1, gap: reason }
}

/** How much the journal holds, from the reply of the script that keeps it alive. */
export function toStats(reply: unknown): { readonly events: number; readonly bytes: number } {
  const [, , events, bytes] = reply as [string, number, number, number]
  return { events, bytes }
}

/** How it stands with the journal when a link is new. */
export interface CatchUp {
  readonly end: { readonly epoch: string; readonly sequence: number }
  affects(key: string): boolean
  /** Questions that are kept, and for how many milliseconds more. */
  readonly kept: readonly { readonly question: unknown; readonly ms: number }[]
}

/** The same from the reply of the script that looks what was missed. */
export function toCatchUp(reply: unknown): CatchUp {
  const [epoch, sequence, all, changed, questions] = reply as [
    string,
    number,
    number,
    string[],
    string[],
  ]
  const keys = new Set(changed)
  const kept = []
  for (let at = 0; at < questions.length; at += 2) {
    kept.push({ question: JSON.parse(questions[at] ?? 'null'), ms: Number(questions[at + 1]) })
  }
  return { end: { epoch, sequence }, affects: (key) => all === 1 || keys.has(key), kept }
}
