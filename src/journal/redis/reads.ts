/** Readings of the journal: as soon as there is a link, in the order in which they were asked for, a few at a time. */
import { parseCursor } from '../../core/cursor.ts'
import type { ReplayBatch } from '../journal.ts'
import type { RedisConnection } from './connection.ts'
import { unavailable } from './options.ts'
import { toReplayBatch } from './replies.ts'

/** How the journal is read. */
export interface ReadsInit {
  /** The link that all goes through now. */
  link(): RedisConnection | undefined
  /** Runs the script that reads, once all that comes at these keys is heard. */
  ask(keys: readonly string[], args: readonly string[], over: RedisConnection): Promise<unknown>
}

/** Readings that wait out an outage. */
export interface Reads {
  read(keys: readonly string[], cursor: string | undefined, maxBytes: number): Promise<ReplayBatch>
  /** There is a link again. */
  wake(): void
  /** Whatever still waits fails. */
  close(): void
}

/**
 * Readings on their way at the same time. Behind an outage all connections read at once: asked for
 * together, their pages would fill the memory, and everything else would wait behind them.
 */
const MAX_AT_ONCE = 64

/** Makes the reading room of one hub. */
export function createReads({ link, ask }: ReadsInit): Reads {
  const turn = createConcurrencyLimit(MAX_AT_ONCE)
  const waiting: (() => void)[] = []
  let closed = false
  return { read, wake, close }

  function read(
    keys: readonly string[],
    cursor: string | undefined,
    maxBytes: number,
  ): Promise<ReplayBatch> {
    const { epoch, sequence } = parseCursor(cursor ?? '') ?? { epoch: '', sequence: 0 }
    const mark = cursor === undefined ? 'LATEST' : cursor === 'earliest' ? 'EARLIEST' : epoch
    const args = [mark, String(sequence), String(maxBytes), ...keys]
    return turn(() => readOver(keys, args))
  }

  async function readOver(keys: readonly string[], args: readonly string[]): Promise<ReplayBatch> {
    for (;;) {
      const held = link() ?? (await nextLink())
      const reply = await ask(keys, args, held).catch((error: unknown) => {
        if (!held.closed) throw error
      })
      // A page of a link that is lost says nothing of what came behind it.
      if (reply && held === link()) return toReplayBatch(reply)
    }
  }

  async function nextLink(): Promise<RedisConnection> {
    if (!closed) await new Promise<void>((resolve) => waiting.push(resolve))
    if (closed) throw unavailable('is not asked any more: the hub is closed')
    return link() ?? (await nextLink())
  }

  function wake(): void {
    for (const go of waiting.splice(0)) go()
  }

  function close(): void {
    closed = true
    wake()
  }
}

/** Lets so much work go on at the same time; the rest waits, first come, first served. */
function createConcurrencyLimit(max: number): <T>(work: () => Promise<T>) => Promise<T> {
  let queue: (() => void)[] = []
  let next = 0
  let busy = 0

  return async (work) => {
    if (busy === max) await new Promise<void>((resolve) => queue.push(resolve))
    else busy += 1
    try {
      return await work()
    } finally {
      pass()
    }
  }

  function pass(): void {
    const go = queue[next]
    next += 1
    if (go) go()
    else busy -= 1
    // Not shifted: a long queue would be moved at each turn.
    if (next < queue.length) return
    queue = []
    next = 0
  }
}
