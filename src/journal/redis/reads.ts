/** Reads the journal in order of arrival, a limited number of reads at a time, once Redis is connected. */
import { parseCursor, positionOf } from '../../core/cursor.ts'
import type { ReplayBatch } from '../journal.ts'
import type { RedisConnection } from './connection.ts'
import { unavailable } from './options.ts'
import { toReplayBatch } from './replies.ts'

/** What reading needs of the journal. */
export interface ReadsInit {
  /** Returns the connection in use. */
  connection(): RedisConnection | undefined
  /** Runs the script `READ` once the subscriptions to these keys are confirmed. */
  run(keys: readonly string[], args: readonly string[], target: RedisConnection): Promise<unknown>
}

/** Reads that wait until an outage is over. */
export interface Reads {
  /** Reads a batch; an empty one, without asking Redis, if it is no longer needed when its turn comes. */
  read(
    keys: readonly string[],
    cursor: string | undefined,
    maxBytes: number,
    isNeeded?: () => boolean,
  ): Promise<ReplayBatch>
  /** Continues the waiting reads: there is a connection again. */
  resume(): void
  /** Makes the waiting reads fail. */
  close(): void
}

/**
 * The maximum number of concurrent reads. After an outage all connections read at once: without a
 * limit, their batches would fill the memory and delay everything else.
 */
const MAX_CONCURRENT = 64

/** Returned for a client that has left. */
const NOT_NEEDED: ReplayBatch = { entries: [], end: positionOf('', 0), done: true }

/** Creates the reads of one hub. */
export function createReads({ connection, run }: ReadsInit): Reads {
  const limit = createConcurrencyLimit(MAX_CONCURRENT)
  const waiting: (() => void)[] = []
  let closed = false
  return { read, resume, close }

  function read(
    keys: readonly string[],
    cursor: string | undefined,
    maxBytes: number,
    isNeeded: () => boolean = () => true,
  ): Promise<ReplayBatch> {
    const { epoch, sequence } = parseCursor(cursor ?? '') ?? { epoch: '', sequence: 0 }
    const from = cursor === undefined ? 'LATEST' : cursor === 'earliest' ? 'EARLIEST' : epoch
    const args = [from, String(sequence), String(maxBytes), ...keys]
    return limit(() => readWithRetry(keys, args, isNeeded))
  }

  async function readWithRetry(
    keys: readonly string[],
    args: readonly string[],
    isNeeded: () => boolean,
  ): Promise<ReplayBatch> {
    for (;;) {
      const current = connection() ?? (await nextConnection())
      if (!isNeeded()) return NOT_NEEDED
      const reply = await run(keys, args, current).catch((error: unknown) => {
        if (!current.closed) throw error
      })
      // If the connection was lost meanwhile, events after the batch may not have been delivered.
      if (reply && current === connection()) return toReplayBatch(reply)
    }
  }

  async function nextConnection(): Promise<RedisConnection> {
    if (!closed) await new Promise<void>((resolve) => waiting.push(resolve))
    if (closed) throw unavailable('is closed')
    return connection() ?? (await nextConnection())
  }

  function resume(): void {
    for (const proceed of waiting.splice(0)) proceed()
  }

  function close(): void {
    closed = true
    resume()
  }
}

/** Limits how many tasks run concurrently; the others wait in order of arrival. */
function createConcurrencyLimit(max: number): <T>(work: () => Promise<T>) => Promise<T> {
  let queue: (() => void)[] = []
  let next = 0
  let running = 0

  return async (work) => {
    if (running === max) await new Promise<void>((resolve) => queue.push(resolve))
    else running += 1
    try {
      return await work()
    } finally {
      startNext()
    }
  }

  function startNext(): void {
    const proceed = queue[next]
    next += 1
    if (proceed) proceed()
    else running -= 1
    // An index instead of shift(), which would move a long queue every time.
    if (next < queue.length) return
    queue = []
    next = 0
  }
}
