/** Reads in order of arrival, a limited number at a time. */
import { positionOf } from '../../core/cursor.ts'
import type { ReplayBatch, RetainedBatch } from '../journal.ts'

/** A read of a batch. */
export interface QueuedRead<Batch extends RetainedBatch> {
  /** Whether its client is still there. @defaultValue it is */
  readonly isNeeded?: (() => boolean) | undefined
  run(): Promise<Batch>
}

/** Reads when it is its turn. */
export type ReadInTurn = <Batch extends RetainedBatch>(
  read: QueuedRead<Batch>,
) => Promise<Batch | ReplayBatch>

/** The maximum number of concurrent reads: all connections may catch up at once, and their batches would fill the memory. */
const MAX_CONCURRENT = 64

/** Returned for a client that has left. */
const NOT_NEEDED: ReplayBatch = { entries: [], end: positionOf('', 0), done: true }

/** Creates a queue. */
export function createReadQueue(): ReadInTurn {
  let queue: (() => void)[] = []
  /** The index of the first read that waits: shift() would move a long queue every time. */
  let first = 0
  let running = 0
  return async ({ isNeeded = () => true, run }) => {
    if (running >= MAX_CONCURRENT) await new Promise<void>((resolve) => void queue.push(resolve))
    else running += 1
    try {
      return isNeeded() ? await run() : NOT_NEEDED
    } finally {
      startNext()
    }
  }

  /** Lets the next one take the place of the one that has ended. */
  function startNext(): void {
    const next = queue[first]
    first += 1
    if (2 * first >= queue.length) {
      queue = queue.slice(first)
      first = 0
    }
    if (next) next()
    else running -= 1
  }
}
