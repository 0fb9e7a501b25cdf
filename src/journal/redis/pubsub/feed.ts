/** The feed: delivers the events that Redis publishes to the hub, in order and each once, and stores how far it has come. */
import { type AddressKeys, isOneOfSeveral } from '../../../core/address.ts'
import { type Position, positionAt, positionOf } from '../../../core/cursor.ts'
import type { JournalHandler } from '../../journal.ts'
import { ephemeralIn, framesOf, idOf, toCursor } from '../replies.ts'

/** What the feed needs of the journal. */
export interface FeedInit {
  /** The position before the first connection. */
  readonly start: Position
  handler(): JournalHandler
  /** Whether this hub listens to patterns: only then can an event for one address arrive at further keys. */
  followsPatterns(): boolean
  /** Asks Redis for its epoch and ends the connection if it is not the hub's. */
  fetchEpoch(): Promise<string>
  /** Runs work of the hub. An error is reported as an ignored message. */
  guard(work: () => void): void
}

/** The feed of one hub. */
export interface Feed {
  /** The epoch of the journal; empty before the first connection. */
  readonly epoch: string
  /** The position of the newest event that was delivered to this hub at all of its keys. */
  readonly head: Position
  /** The sequence of the newest event that was delivered at any of its keys. */
  readonly newest: number
  /** Continues after a connection has caught up. */
  moveTo(epoch: string, sequence: number): void
  /** Delivers what was published at one address, or an event at several. */
  receive(keys: AddressKeys, message: Uint8Array): void
  /** Called when everything up to this position has been received. @throws if it can't be parsed */
  onHead(id: string): void
}

/** Creates the feed of one hub. */
export function createFeed({ start, handler, followsPatterns, fetchEpoch, guard }: FeedInit): Feed {
  let epoch = ''
  let newest = start
  /** Whether the newest event may arrive at further keys: whatever follows all its copies says that it can't. */
  let isPartial = false
  let verifying = false
  /** Where the newest event was delivered last. Undefined if the feed was moved there. */
  let deliveredAt: AddressKeys | undefined
  return {
    get epoch() {
      return epoch
    },
    get head() {
      return isPartial ? positionAt(newest, newest.sequence - 1) : newest
    },
    get newest() {
      return newest.sequence
    },
    moveTo,
    receive: (keys, message) => {
      for (const frame of framesOf(message)) guard(() => receiveFrame(keys, frame))
    },
    onHead,
  }

  function moveTo(next: string, sequence: number): void {
    epoch = next
    newest = positionOf(next, sequence)
    isPartial = false
    deliveredAt = undefined
  }

  function receiveFrame(keys: AddressKeys, frame: Uint8Array): void {
    const id = idOf(frame)
    if (id === undefined) {
      isPartial = false
      handler().deliver({ keys, ...ephemeralIn(frame) })
      return
    }
    const { epoch: current, sequence } = toCursor(id)
    if (current !== epoch) void verifyEpoch()
    // Connections receive an event that is not newer by reading the journal.
    if (current !== epoch || sequence < newest.sequence) return
    // An event for a topic arrives once for each of its keys that this hub listens to: at the others come other connections.
    if (sequence === newest.sequence && (deliveredAt === undefined || deliveredAt === keys)) return
    newest = { id, sequence }
    deliveredAt = keys
    isPartial = mayArriveAgain(keys)
    try {
      handler().deliver({ keys, frame, entry: { id, sequence, frame } })
    } catch (error) {
      // Connections that lack it continue from before it.
      isPartial = true
      handler().missed((key) => [keys].flat().includes(key))
      isPartial = mayArriveAgain(keys)
      throw error
    }
  }

  function mayArriveAgain(keys: AddressKeys): boolean {
    return typeof keys === 'string' && isOneOfSeveral(keys) && followsPatterns()
  }

  function onHead(id: string): void {
    const { epoch: current, sequence } = toCursor(id)
    // A head of another epoch follows a call, which finds that epoch in its reply.
    if (current === epoch && sequence >= newest.sequence) moveTo(epoch, sequence)
  }

  /** An event of another epoch has arrived: either a new one has started, or the event belongs to another journal. */
  async function verifyEpoch(): Promise<void> {
    if (verifying) return
    verifying = true
    const current = await fetchEpoch().catch(() => undefined)
    verifying = false
    if (current !== epoch) return
    guard(() => {
      throw new Error('An event of another journal arrived.')
    })
  }
}
