/**
 * Another number of objects: each client's cursor is good at one object, and may be at another again
 * when the number goes back. So before an object serves as one of so many, all others that could
 * serve with another number give up the epochs that they have.
 */
import type { SqliteJournal } from '../../journal/sqlite/journal.ts'
import { cursorOrigin, epochSuffix, fenceSuffix } from './sharding.ts'

/** What an object is. */
export interface ReshardingInit {
  readonly own: number
  /** How many objects share the clients. */
  readonly count: number
  readonly journal: Pick<SqliteJournal, 'head' | 'startEpoch'>
  /** Resolves once all that was written is on disk. */
  sync(): Promise<void>
  /** Tells another object of `count`: it resolves once that one's `unsettle` has. */
  tell(shard: number): Promise<void>
}

/** An object's word with the others. */
export interface Resharding {
  /**
   * Resolves once the object may serve.
   * @throws {Error} `isUnsettled`, as long as not all others know of it
   */
  ensureReady(): Promise<void>
  /** Another object is to serve as one of so many: resolves once no cursor of another number holds here. */
  fence(count: number): Promise<void>
}

const RESHARDING = 'Not all objects know yet how many they are'

/** Whether an object can't serve before it has reached others. Of an error that crosses over from an object only words are left. */
export function isResharding(error: unknown): boolean {
  return error instanceof Error && error.message.includes(RESHARDING)
}

/** What the epoch of an object that never was ends with: only a lone one has nobody to tell. */
export function initialEpochSuffix(count: number): string {
  return count === 1 ? epochSuffix(0, 1) : fenceSuffix(count)
}

/** Finds out whether the object may serve. */
export function createResharding({ own, count, journal, sync, tell }: ReshardingInit): Resharding {
  // One that has no part of the clients is never settled.
  const mark = own < count ? epochSuffix(own, count) : undefined
  /** How often another object spoke of another number. */
  let objections = 0
  let settling: Promise<void> | undefined
  return { ensureReady, fence }

  async function ensureReady(): Promise<void> {
    if (!settling && isReady()) return
    settling ??= move().finally(() => {
      settling = undefined
    })
    await settling
  }

  async function move(): Promise<void> {
    try {
      await tellOthers()
    } catch (error) {
      throw new Error(`${RESHARDING} (${error instanceof Error ? error.message : error}).`)
    }
  }

  async function tellOthers(): Promise<void> {
    if (mark === undefined) throw new Error(`this is none of ${count}`)
    const before = objections
    const all = Array.from({ length: Math.max(reach(), count) }, (_, shard) => shard)
    await Promise.all(all.filter((shard) => shard !== own).map((shard) => tell(shard)))
    if (objections === before) journal.startEpoch(mark)
    await sync()
    // Another may have said so a moment ago.
    if (!isReady()) throw new Error('another says that they are not so many')
  }

  async function fence(others: number): Promise<void> {
    if (others !== count) objections += 1
    const isOne = others === count && isReady()
    // How far others must be told is kept, until they are.
    const next = fenceSuffix(Math.max(reach(), others))
    if (!isOne && cursorOrigin(journal.head().id)?.suffix !== next) journal.startEpoch(next)
    await sync()
  }

  function isReady(): boolean {
    return cursorOrigin(journal.head().id)?.suffix === mark
  }

  /** With how many objects this one has served, or may others have. */
  function reach(): number {
    return cursorOrigin(journal.head().id)?.count ?? 1
  }
}

/** No name ends so: https://www.rfc-editor.org/rfc/rfc6761#section-6.4 */
const INTERNAL = 'hub.invalid'

/** The request by which one object tells another how many they are. */
export function tellingOf(count: number): Request {
  return new Request(`https://${INTERNAL}/${count}`, { method: 'POST' })
}

/** How many objects there are, as another tells; undefined for any other request. */
export function toldIn({ url }: Request): number | undefined {
  const { hostname, pathname } = new URL(url)
  return hostname === INTERNAL ? Number(pathname.slice(1)) : undefined
}
