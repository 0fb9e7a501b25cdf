/**
 * Resharding. A cursor is valid only on the shard that issued it, and could become valid again when
 * `HUB_SHARDS` changes back. So before a shard serves with a new number of shards, it fences every
 * other shard that may have served with another number: those start a new epoch, and old cursors
 * lead to a reported gap instead of silently skipped events.
 */
import type { SqliteJournal } from '../../journal/sqlite/journal.ts'
import { cursorOrigin, epochSuffix, fenceSuffix } from './sharding.ts'

/** What a shard needs to know. */
export interface ReshardingInit {
  /** The number of this shard, from 0. */
  readonly shard: number
  /** How many shards there are, as this one is configured. */
  readonly count: number
  readonly journal: Pick<SqliteJournal, 'head' | 'startEpoch'>
  /** Resolves once everything written so far is on disk. */
  sync(): Promise<void>
  /** Calls `fence(count)` of another shard. */
  fenceShard(shard: number): Promise<void>
}

/** Keeps a shard from serving until old cursors are invalid on all shards. */
export interface Resharding {
  /**
   * Resolves once the shard may serve a request from a Worker with `callerCount` shards.
   * @throws {Error} `isResharding`, if this shard has another number of shards, and as long as some
   * other shard has not been fenced
   */
  ensureReady(callerCount: number): Promise<void>
  /**
   * Called by another shard that is about to serve as one of `count`. Resolves once no cursor from
   * another number of shards is valid here.
   */
  fence(count: number): Promise<void>
}

/**
 * How the message of the error begins. An error thrown in one object and caught in another keeps
 * only its message, unless the Worker has the compatibility flag `enhanced_error_serialization`:
 * a `code` property, a `name` or a `cause` would be lost.
 */
const CODE = 'hub-resharding:'

/** Whether a shard refused to serve: deployments have not reached all, or it has not fenced all others yet. */
export function isResharding(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith(CODE)
}

/** What the epoch of a new object ends with: only a single shard may serve without fencing others. */
export function initialEpochSuffix(count: number): string {
  return count === 1 ? epochSuffix(0, 1) : fenceSuffix(count)
}

/** Starts in the state that the epoch of the journal records. */
export function createResharding(init: ReshardingInit): Resharding {
  const { shard: own, count, journal, sync, fenceShard } = init
  /** What the epoch ends with once this shard may serve; undefined for a shard beyond `count`, which never may. */
  const servingSuffix = own < count ? epochSuffix(own, count) : undefined
  /** How often a shard that is configured with another number of shards has fenced this one. */
  let conflicts = 0
  let resharding: Promise<void> | undefined
  return { ensureReady, fence }

  async function ensureReady(callerCount: number): Promise<void> {
    if (callerCount !== count) {
      throw refusal(`it is one of ${count} shards, and the Worker has ${callerCount}`)
    }
    if (!resharding && isReady()) return
    resharding ??= reshard().finally(() => {
      resharding = undefined
    })
    await resharding
  }

  async function reshard(): Promise<void> {
    try {
      await fenceOthers()
    } catch (error) {
      const reason = error instanceof Error ? error.message : error
      throw refusal(`${reason}`)
    }
  }

  function refusal(reason: string): Error {
    return new Error(`${CODE} shard ${own} can’t serve yet (${reason}).`)
  }

  async function fenceOthers(): Promise<void> {
    if (servingSuffix === undefined) throw new Error(`there are ${count} shards, numbered from 0`)
    const before = conflicts
    const all = Array.from({ length: Math.max(fencedCount(), count) }, (_, shard) => shard)
    await Promise.all(all.filter((shard) => shard !== own).map((shard) => fenceShard(shard)))
    if (conflicts === before) journal.startEpoch(servingSuffix)
    await sync()
    // Another shard may have fenced this one meanwhile.
    if (!isReady()) throw new Error('another shard is configured with another number of shards')
  }

  async function fence(others: number): Promise<void> {
    if (others !== count) conflicts += 1
    const agrees = others === count && isReady()
    // The suffix stores how many shards must be fenced, until they have been.
    const next = fenceSuffix(Math.max(fencedCount(), others))
    if (!agrees && cursorOrigin(journal.head().id)?.suffix !== next) journal.startEpoch(next)
    await sync()
  }

  function isReady(): boolean {
    return cursorOrigin(journal.head().id)?.suffix === servingSuffix
  }

  /** The largest number of shards that this one or, to its knowledge, another has served with. */
  function fencedCount(): number {
    return cursorOrigin(journal.head().id)?.count ?? 1
  }
}
