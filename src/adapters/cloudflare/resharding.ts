/**
 * Resharding. A cursor is valid only on the shard that issued it, and could become valid again when
 * `HUB_SHARDS` changes back. So the first shard stores the number of shards: before it serves with a
 * new one, it fences every other shard that may have served with the old one. Fenced shards start a
 * new epoch, so that old cursors lead to a reported gap instead of silently skipped events, and ask
 * the first shard before they serve. They drop what they retain for addresses that they no longer store: they
 * will not receive what replaces it. Blocks go to all shards, and the first is always one of them: the others
 * copy its blocks before they serve. Used tickets need no copy: a ticket is bound to its epoch.
 */
import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { Backplane, SharedPresence } from '../../journal/backplane.ts'
import type { Journal } from '../../journal/journal.ts'
import type { SqliteJournal, StoredControlRequest } from '../../journal/sqlite/journal.ts'
import { answerInTime } from './deadline.ts'
import { cursorOrigin, epochSuffix, fenceSuffix, isStoredAt } from './sharding.ts'

/** What resharding needs of a shard. */
export interface ReshardingInit {
  /** The number of this shard, from 0. */
  readonly shard: number
  /** The number of shards that this one is configured with. */
  readonly count: number
  readonly journal: Pick<SqliteJournal, 'head' | 'startEpoch'> & {
    readonly backplane: Pick<Backplane, 'request'>
  }
  /** Resolves once everything written so far is on disk. */
  sync(): Promise<void>
  /** Calls `fence(count)` of another shard. */
  fenceShard(shard: number): Promise<void>
  /** Ends the open streams: events for their clients may go to another shard from now on. */
  endStreams(): void
  /**
   * Lists at most `REQUESTS_PER_CALL` of the stored requests of the first shard, once that may serve as
   * one of `count`. @see SqliteJournal.storedRequests
   */
  requestsOfFirst(after: string): Promise<readonly StoredControlRequest[]>
  readonly clock: Pick<Clock, 'every'>
}

/** Requests that one call lists. In UTF-8 a block takes up to 500 bytes, and a call may return 32 MiB. */
export const REQUESTS_PER_CALL = 10_000

/** Keeps a shard from serving until old cursors are invalid on all shards. */
export interface Resharding {
  /** Whether this shard may store events and open streams now. */
  readonly serving: boolean
  /**
   * Resolves once the shard may serve a request from a Worker with `callerCount` shards.
   * @throws {Error} `isResharding`, if this shard is configured with another number of shards, and until
   * the first one has fenced all others
   */
  ensureReady(callerCount: number): Promise<void>
  /**
   * Called by the first shard when it is about to serve as one of `count`. Resolves once no cursor
   * of this shard is valid any longer.
   */
  fence(count: number): Promise<void>
}

/**
 * The start of the error message. An error thrown in one object and caught in another keeps
 * only its message, unless the Worker has the compatibility flag `enhanced_error_serialization`:
 * a `code` property, a `name` or a `cause` would be lost.
 */
const CODE = 'hub-resharding:'

/** Whether a shard refused to serve: a deployment has not reached all shards, or the others are not fenced yet. */
export function isResharding(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith(CODE)
}

/** What the epoch of a new object ends with: only a single shard may serve before others are fenced. */
export function initialEpochSuffix(count: number): string {
  return count === 1 ? epochSuffix(0, 1) : fenceSuffix(count)
}

/** Starts in the state that the epoch of the journal records. */
export function createResharding(init: ReshardingInit): Resharding {
  const { shard: own, count, journal, sync, endStreams, fenceShard, requestsOfFirst, clock } = init
  /** What the epoch ends with once this shard may serve; undefined for a shard beyond `count`, which never may. */
  const servingSuffix = own < count ? epochSuffix(own, count) : undefined
  /** The shards that this one has fenced: if another can't be reached, only that one is called again. */
  const fenced = new Set([own])
  /** How often the first shard has fenced this one with another number of shards. */
  let conflicts = 0
  let resharding: Promise<void> | undefined
  return {
    get serving() {
      return isReady()
    },
    ensureReady,
    fence,
  }

  async function ensureReady(callerCount: number): Promise<void> {
    if (callerCount !== count) {
      throw refusal(`it has HUB_SHARDS=${count}, the caller has ${callerCount}`)
    }
    if (!resharding && isReady()) return
    resharding ??= reshard().finally(() => {
      resharding = undefined
    })
    await resharding
  }

  async function reshard(): Promise<void> {
    try {
      if (servingSuffix === undefined)
        throw new Error(`HUB_SHARDS is ${count}, and shards are numbered from 0`)
      const before = conflicts
      await (own === 0 ? fenceOthers() : copyRequests())
      if (conflicts === before) startEpoch(servingSuffix, count)
      await sync()
      // The first shard may have fenced this one meanwhile.
      if (!isReady()) throw new Error('HUB_SHARDS has changed meanwhile')
    } catch (error) {
      throw refusal(`${error instanceof Error ? error.message : error}`)
    }
  }

  function refusal(reason: string): Error {
    return new Error(`${CODE} shard ${own} can’t serve yet (${reason}).`)
  }

  async function fenceOthers(): Promise<void> {
    const all = Array.from({ length: Math.max(fencedCount(), count) }, (_, shard) => shard)
    const others = all.filter((shard) => !fenced.has(shard))
    await Promise.all(
      others.map(async (shard) => {
        await answerInTime(fenceShard(shard), clock)
        fenced.add(shard)
      }),
    )
  }

  /** Copies blocks. One that the first shard stores meanwhile also goes to this shard, which handles it once it serves. */
  async function copyRequests(): Promise<void> {
    let page: readonly StoredControlRequest[]
    let after = ''
    do {
      page = await answerInTime(requestsOfFirst(after), clock)
      for (const { text, remainingMs } of page) {
        await journal.backplane.request(JSON.parse(text), remainingMs)
        after = text
      }
    } while (page.length === REQUESTS_PER_CALL)
  }

  async function fence(others: number): Promise<void> {
    if (others !== count) conflicts += 1
    // The suffix stores how many shards must be fenced, until they have been.
    const next = fenceSuffix(Math.max(fencedCount(), others))
    startEpoch(next, others)
    endStreams()
    await sync()
  }

  function startEpoch(suffix: string, shards: number): void {
    journal.startEpoch(suffix, (key) => isStoredAt(key, own, shards))
  }

  function isReady(): boolean {
    return cursorOrigin(journal.head().id)?.suffix === servingSuffix
  }

  /** The largest number of shards that this one or, to its knowledge, another has served with. */
  function fencedCount(): number {
    return cursorOrigin(journal.head().id)?.count ?? 1
  }
}

/** A journal that stores neither events nor blocks of requests that a shard had let in before it was fenced. */
export function createFencedJournal(
  journal: SqliteJournal,
  presence: SharedPresence,
  isServing: () => boolean,
): Journal {
  const { backplane, read, retained, head, open, close } = journal
  return {
    get ready() {
      return isServing()
    },
    get stats() {
      return journal.stats
    },
    backplane: {
      ...backplane,
      presence,
      request: async (request, keepMs) => {
        if (keepMs > 0) checkServing()
        return await backplane.request(request, keepMs)
      },
    },
    appendsOnce: true,
    append: (keys, event, once) => {
      checkServing()
      return journal.append(keys, event, once)
    },
    read,
    retained,
    head,
    open,
    close,
  }

  function checkServing(): void {
    if (isServing()) return
    throw new HubError('journal-unavailable', 'The number of shards has changed. Try again.')
  }
}
