/** Reads the journal in order of arrival, a limited number of reads at a time, once Redis is connected. */
import { parseCursor, positionOf } from '../../core/cursor.ts'
import type { ReplayBatch, RetainedBatch } from '../journal.ts'
import { unavailable } from '../unavailable.ts'
import type { SharedRead } from './catch-up.ts'
import type { RedisConnection } from './connection.ts'
import { toReplayBatch, toRetainedBatch, toStart } from './replies.ts'

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
    isWanted?: () => boolean,
  ): Promise<ReplayBatch>
  /**
   * Reads a batch of retained events, in the same way.
   * @param isWanted - without it, the read does not wait for a connection
   * @throws {HubError} `journal-unavailable`
   */
  retained(
    keys: readonly string[],
    after: number,
    maxBytes: number,
    isWanted?: () => boolean,
  ): Promise<RetainedBatch>
  /** Continues the waiting reads: there is a connection again. */
  resume(): void
  /** Runs work, and takes the batches that it reads from `shared` where that has them. */
  share(shared: SharedRead, work: () => void): void
  /** Makes the waiting reads fail. */
  close(): void
}

/**
 * The maximum number of concurrent reads. After an outage all connections read at once: without a
 * limit, their batches would fill the memory and delay everything else.
 */
const MAX_CONCURRENT = 64

/** Returned for a client that has left. */
const UNWANTED: ReplayBatch = { entries: [], end: positionOf('', 0), done: true }

interface PendingRead {
  readonly keys: readonly string[]
  /** The arguments of the script `READ`. */
  readonly args: readonly string[]
  /** Missing if the read does not wait for a connection: nobody could say that it is no longer wanted. */
  readonly isWanted: (() => boolean) | undefined
  /** Receives the reply; undefined if the batch was not wanted. */
  resolve(reply: unknown): void
  reject(error: unknown): void
}

/** Creates the reads of one hub. */
export function createReads({ connection, run }: ReadsInit): Reads {
  let queue: PendingRead[] = []
  /** The index of the first read that waits: shift() would move a long queue every time. */
  let first = 0
  /** Reads that lost their connection. They come before those in the queue. */
  const retries: PendingRead[] = []
  /** Reads that do not wait for a connection. They come before those in the queue, too. */
  const prompt: PendingRead[] = []
  let running = 0
  let closed = false
  let shared: SharedRead | undefined
  return { read, retained, resume: startNext, share, close }

  function read(
    keys: readonly string[],
    cursor: string | undefined,
    maxBytes: number,
    isWanted: () => boolean = () => true,
  ): Promise<ReplayBatch> {
    const batch = shared?.(keys, cursor, maxBytes)
    if (batch) return Promise.resolve(batch)
    const parse = cursor === undefined ? toStart : toReplayBatch
    return enqueue(keys, argsOf(keys, cursor, maxBytes), isWanted).then((reply) => {
      return reply === undefined ? UNWANTED : parse(reply)
    })
  }

  function retained(
    keys: readonly string[],
    after: number,
    maxBytes: number,
    isWanted?: () => boolean,
  ): Promise<RetainedBatch> {
    const args = ['RETAINED', String(after), String(maxBytes), ...keys]
    return enqueue(keys, args, isWanted).then((reply) => {
      return reply === undefined ? UNWANTED : toRetainedBatch(reply)
    })
  }

  function enqueue(
    keys: readonly string[],
    args: readonly string[],
    isWanted: (() => boolean) | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting = isWanted ? queue : prompt
      waiting.push({ keys, args, isWanted, resolve, reject })
      startNext()
    })
  }

  function startNext(): void {
    for (;;) {
      const current = connection()
      if (!current) for (const one of prompt.splice(0)) one.reject(unavailable('can’t be reached'))
      if (!closed && (!current || running >= MAX_CONCURRENT)) return
      const next = take()
      if (!next) return
      if (!current) next.reject(unavailable('is closed'))
      else if (next.isWanted?.() === false) next.resolve(undefined)
      else void runOne(next, current)
    }
  }

  function take(): PendingRead | undefined {
    const early = retries.shift() ?? prompt.shift()
    if (early) return early
    const next = queue[first]
    first += 1
    if (2 * first < queue.length) return next
    // What was taken is let go, even if the queue is never empty.
    queue = queue.slice(first)
    first = 0
    return next
  }

  async function runOne(pending: PendingRead, current: RedisConnection): Promise<void> {
    running += 1
    try {
      const reply = await run(pending.keys, pending.args, current)
      // If the connection was lost meanwhile, events after the batch may not have been delivered.
      if (current === connection()) pending.resolve(reply)
      else retry(pending)
    } catch (error) {
      if (current.closed) retry(pending)
      else pending.reject(error)
    }
    running -= 1
    startNext()
  }

  function retry(pending: PendingRead): void {
    if (pending.isWanted) retries.push(pending)
    else pending.reject(unavailable('can’t be reached'))
  }

  function share(next: SharedRead, work: () => void): void {
    shared = next
    work()
    shared = undefined
  }

  function close(): void {
    closed = true
    startNext()
  }
}

/** Returns the arguments of the script `READ`. */
function argsOf(
  keys: readonly string[],
  cursor: string | undefined,
  maxBytes: number,
): readonly string[] {
  const { epoch, sequence } = parseCursor(cursor ?? '') ?? { epoch: '', sequence: 0 }
  const from = cursor === undefined ? 'RETAINED' : cursor === 'earliest' ? 'EARLIEST' : epoch
  return [from, String(sequence), String(maxBytes), ...keys]
}
