/** Publishing to Redis: what is published in one turn of the event loop goes there in one call. */
import type { Clock } from '../../core/clock.ts'
import { positionOf } from '../../core/cursor.ts'
import { frameText, type HubEvent } from '../../core/event.ts'
import type { AppendResult } from '../journal.ts'
import { unavailable } from './options.ts'

/** How events are stored. */
export interface PublishBatcherInit {
  readonly clock: Clock
  /** Runs the script that publishes. */
  store(args: readonly string[]): Promise<unknown>
}

/** Stores events, many at a time. */
export interface PublishBatcher {
  /** @throws {HubError} `journal-unavailable` */
  append(key: string, event: HubEvent): Promise<AppendResult>
}

interface Batch {
  readonly args: string[]
  readonly stored: Promise<Stored>
}

type Stored = readonly [epoch: string, last: number, ...instances: number[]]

/** Characters of events on their way to Redis; beyond it the next is refused. */
const MAX_PENDING_CHARACTERS = 67_108_864

/** Events of one call, and about as many characters: a call is what all others in Redis wait for. */
const MAX_EVENTS = 128
const MAX_CHARACTERS = 262_144

/** Makes the way to Redis of one hub. */
export function createPublishBatcher({ clock, store }: PublishBatcherInit): PublishBatcher {
  let open: Batch | undefined
  let characters = 0
  let pending = 0
  return { append }

  async function append(key: string, event: HubEvent): Promise<AppendResult> {
    const body = frameText(event)
    if (pending + body.length > MAX_PENDING_CHARACTERS) {
      throw unavailable('takes events more slowly than they come')
    }
    pending += body.length
    try {
      const { args, stored } = batchFor(body)
      const index = args.push(key, body) / 2 - 1
      const [epoch, last, ...instances] = await stored
      const sequence = last - instances.length + 1 + index
      return { ...positionOf(epoch, sequence), instances: instances[index] }
    } finally {
      pending -= body.length
    }
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
    const leaving = new Promise<void>((leave) => clock.soon(leave))
    const stored = leaving.then(() => {
      if (open?.args === args) open = undefined
      return store([marked(args), ...args])
    })
    return { args, stored: stored as Promise<Stored> }
  }
}

/** Each key of (key, body)… once, a line each. */
function marked(args: readonly string[]): string {
  return [...new Set(args.filter((_, at) => at % 2 === 0))].join('\n')
}
