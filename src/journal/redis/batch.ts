/** Batches publishes: events published in one turn of the event loop go to Redis in one call. What is in flight is limited. */
import type { Clock } from '../../core/clock.ts'
import { positionOf } from '../../core/cursor.ts'
import { frameText, type HubEvent } from '../../core/event.ts'
import type { AppendResult } from '../journal.ts'
import { unavailable } from './options.ts'

/** What batching needs of the journal. */
export interface PublishBatcherInit {
  readonly clock: Clock
  /** Runs the script `PUBLISH`. */
  store(args: readonly string[]): Promise<unknown>
  /** Runs the script `RELAY`. */
  relay(key: string, body: string): Promise<RelayResult>
}

/** How many instances received an event that is not stored. */
interface RelayResult {
  readonly instances: number
}

/** Stores events in batches, and relays ephemeral ones. */
export interface PublishBatcher {
  /** @throws {HubError} `journal-unavailable` */
  append(key: string, event: HubEvent): Promise<AppendResult>
  /** @throws {HubError} `journal-unavailable` */
  relay(key: string, event: HubEvent): Promise<RelayResult>
}

interface Batch {
  readonly args: string[]
  readonly stored: Promise<Stored>
}

type Stored = readonly [epoch: string, last: number, ...instances: number[]]

/** The maximum number of characters in flight to Redis. Beyond it, publishing fails. */
const MAX_PENDING_CHARACTERS = 67_108_864

/** The maximum size of one call, in events and approximately in characters: Redis serves nothing else while it runs. */
const MAX_EVENTS = 128
const MAX_CHARACTERS = 262_144

/** Creates the batcher of one hub. */
export function createPublishBatcher({ clock, store, relay }: PublishBatcherInit): PublishBatcher {
  let open: Batch | undefined
  let characters = 0
  let pending = 0
  return {
    append: (key, event) => inFlight(frameText(event), (body) => append(key, body)),
    relay: (key, event) => inFlight(frameText(event), (body) => relay(key, body)),
  }

  async function inFlight<T>(body: string, send: (body: string) => Promise<T>): Promise<T> {
    if (pending + body.length > MAX_PENDING_CHARACTERS) {
      throw unavailable('stores events more slowly than they are published')
    }
    pending += body.length
    try {
      return await send(body)
    } finally {
      pending -= body.length
    }
  }

  async function append(key: string, body: string): Promise<AppendResult> {
    const { args, stored } = batchFor(body)
    const index = args.push(key, body) / 2 - 1
    const [epoch, last, ...instances] = await stored
    const sequence = last - instances.length + 1 + index
    return { ...positionOf(epoch, sequence), instances: instances[index] }
  }

  function batchFor({ length }: string): Batch {
    if (!open || open.args.length === 2 * MAX_EVENTS || characters + length > MAX_CHARACTERS) {
      open = begin()
      characters = 0
    }
    characters += length
    return open
  }

  function begin(): Batch {
    const args: string[] = []
    const endOfTurn = new Promise<void>((resolve) => clock.soon(resolve))
    const stored = endOfTurn.then(() => {
      if (open === batch) open = undefined
      return store([uniqueKeys(args), ...args])
    })
    const batch: Batch = { args, stored: stored as Promise<Stored> }
    return batch
  }
}

/** Returns each key of (key, body)… once, one per line. */
function uniqueKeys(args: readonly string[]): string {
  return [...new Set(args.filter((_, index) => index % 2 === 0))].join('\n')
}
