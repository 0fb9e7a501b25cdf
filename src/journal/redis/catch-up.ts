/** Catching up: finds out what this hub missed while it was not connected, and reads it once for all its connections. */
import { EVERYONE, followedOf } from '../../core/address.ts'
import type { Position } from '../../core/cursor.ts'
import type { JournalEntry, ReplayBatch } from '../journal.ts'
import type { AddressSubscriptions } from './pubsub/addresses.ts'
import type { Inbound } from './pubsub/inbound.ts'
import { type MissedEvents, toCatchUp, toEntries } from './replies.ts'
import { CATCH_UP } from './scripts/index.ts'
import { READ_EACH } from './scripts/read.ts'
import type { Script } from './scripts/script.ts'

/** What catching up needs of the journal. */
export interface CatchUpInit {
  /** The epoch of the journal; empty before the first connection. */
  readonly epoch: string
  readonly head: Position
  readonly inbound: Inbound
  readonly subscriptions: Pick<AddressSubscriptions, 'has' | 'needsBuckets' | 'needsPatterns'>
  /** Runs a script of the journal on the new connection. */
  run(script: Script, args: readonly string[]): Promise<unknown>
  /** Called after each attempt. */
  onProgress(): void
}

/**
 * Returns the batch of a connection that was live when the hub lost Redis and reads from `cursor`;
 * undefined if it has to ask Redis.
 */
export type SharedRead = (
  keys: readonly string[],
  cursor: string | undefined,
  maxBytes: number,
) => ReplayBatch | undefined

/** Bytes of frames that are read for all connections at once. Beyond, each reads its own. */
const MAX_SHARED_BYTES = 1_048_576

/** Reads until no message was dropped meanwhile. Messages since the last reading are held. */
export async function catchUp(init: CatchUpInit): Promise<MissedEvents & { share: SharedRead }> {
  const { epoch, head, inbound, subscriptions, run, onProgress } = init
  for (;;) {
    inbound.hold()
    const seen = epoch === '' ? ['', '0'] : [epoch, String(head.sequence)]
    const { needsPatterns, needsBuckets } = subscriptions
    const uses = [needsPatterns, needsBuckets].map((isNeeded) => (isNeeded ? '1' : '0'))
    const missed = toCatchUp(await run(CATCH_UP, [...seen, ...uses]))
    const keys = missed.changed.filter(subscriptions.has).sort(byAudience)
    const [first] = keys
    const reply = first ? await run(READ_EACH, [...seen, `${MAX_SHARED_BYTES}`, ...keys]) : []
    onProgress()
    if (!inbound.overflowed) return { ...missed, share: sharedRead(head, missed, keys, reply) }
  }
}

/** Events for many connections come first. */
function byAudience(one: string, other: string): number {
  return audience(other) - audience(one)
}

function audience(key: string): number {
  if (key === EVERYONE) return 2
  return followedOf(key) === undefined ? 0 : 1
}

function sharedRead(
  head: Position,
  { end, affects }: MissedEvents,
  changed: readonly string[],
  reply: unknown,
): SharedRead {
  const entriesAt = toEntries(reply, changed, end)
  return (keys, cursor, maxBytes) => {
    // A connection whose replay has read ahead of the deliveries continues from a later position.
    if (cursor !== head.id) return undefined
    const lists: (readonly JournalEntry[])[] = []
    for (const key of keys) {
      if (!affects(key)) continue
      const entries = entriesAt.get(key)
      if (!entries) return undefined
      lists.push(entries)
    }
    return batchOf(lists, end, maxBytes)
  }
}

function batchOf(
  lists: readonly (readonly JournalEntry[])[],
  end: Position,
  maxBytes: number,
): ReplayBatch {
  const entries = lists.length === 1 ? (lists[0] ?? []) : merged(lists)
  let bytes = 0
  const over = entries.findIndex(({ frame }, index) => {
    bytes += frame.byteLength
    return index > 0 && bytes > maxBytes
  })
  if (over < 0) return { entries, end, done: true }
  return { entries: entries.slice(0, over), end: entries[over - 1] ?? end, done: false }
}

/** In order, and each once: several addresses may have the same event. */
function merged(lists: readonly (readonly JournalEntry[])[]): readonly JournalEntry[] {
  const all = lists.flat().sort((one, other) => one.sequence - other.sequence)
  return all.filter(({ sequence }, index) => sequence !== all[index - 1]?.sequence)
}
