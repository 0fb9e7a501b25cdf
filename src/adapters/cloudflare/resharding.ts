/**
 * Another number of objects: each client's cursor is good at one object, and may be at another again
 * when the number goes back. So before an object serves as one of so many, all others that could
 * serve with another number give up the epochs that they have.
 */
import type { SqliteJournal } from '../../journal/sqlite/journal.ts'
import { markOf, originOf, unsettledMark } from './sharding.ts'

/** What an object is. */
export interface SettlingInit {
  readonly own: number
  /** How many objects share the clients. */
  readonly count: number
  readonly journal: Pick<SqliteJournal, 'head' | 'renew'>
  /** Resolves once all that was written is on disk. */
  sync(): Promise<void>
  /** Tells another object of `count`: it resolves once that one's `unsettle` has. */
  tell(shard: number): Promise<void>
}

/** An object's word with the others. */
export interface Settling {
  /**
   * Resolves once the object may serve.
   * @throws {Error} `isUnsettled`, as long as not all others know of it
   */
  settle(): Promise<void>
  /** Another object is to serve as one of so many: resolves once no cursor of another number holds here. */
  unsettle(count: number): Promise<void>
}

const UNSETTLED = 'Not all objects know yet how many they are'

/** Whether an object can't serve before it has reached others. Of an error that crosses over from an object only words are left. */
export function isUnsettled(error: unknown): boolean {
  return error instanceof Error && error.message.includes(UNSETTLED)
}

/** What the epoch of an object that never was ends with: only a lone one has nobody to tell. */
export function firstMark(count: number): string {
  return count === 1 ? markOf(0, 1) : unsettledMark(count)
}

/** Finds out whether the object may serve. */
export function createSettling({ own, count, journal, sync, tell }: SettlingInit): Settling {
  // One that has no part of the clients is never settled.
  const mark = own < count ? markOf(own, count) : undefined
  /** How often another object spoke of another number. */
  let objections = 0
  let settling: Promise<void> | undefined
  return { settle, unsettle }

  async function settle(): Promise<void> {
    if (!settling && isSettled()) return
    settling ??= move().finally(() => {
      settling = undefined
    })
    await settling
  }

  async function move(): Promise<void> {
    try {
      await tellOthers()
    } catch (error) {
      throw new Error(`${UNSETTLED} (${error instanceof Error ? error.message : error}).`)
    }
  }

  async function tellOthers(): Promise<void> {
    if (mark === undefined) throw new Error(`this is none of ${count}`)
    const before = objections
    const all = Array.from({ length: Math.max(reach(), count) }, (_, shard) => shard)
    await Promise.all(all.filter((shard) => shard !== own).map((shard) => tell(shard)))
    if (objections === before) journal.renew(mark)
    await sync()
    // Another may have said so a moment ago.
    if (!isSettled()) throw new Error('another says that they are not so many')
  }

  async function unsettle(others: number): Promise<void> {
    if (others !== count) objections += 1
    const isOne = others === count && isSettled()
    // How far others must be told is kept, until they are.
    const next = unsettledMark(Math.max(reach(), others))
    if (!isOne && originOf(journal.head().id)?.mark !== next) journal.renew(next)
    await sync()
  }

  function isSettled(): boolean {
    return originOf(journal.head().id)?.mark === mark
  }

  /** With how many objects this one has served, or may others have. */
  function reach(): number {
    return originOf(journal.head().id)?.count ?? 1
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
